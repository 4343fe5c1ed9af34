# hardswish(x)  ==>  x * hardsigmoid(x)
#
# The definition; ONNX has the op from opset 14 on.
rule hardswish_to_onnx
match
  %y = hardswish(%x)
where
  no_spec(..)
rewrite
  %s = hardsigmoid(%x)
  %y = mul(%x, %s)
