# mish(x)  ==>  x * tanh(softplus(x))
#
# The definition; ONNX has the op from opset 18 on.
rule mish_to_onnx
match
  %y = mish(%x)
where
  no_spec(..)
rewrite
  %s = softplus(%x)
  %t = tanh(%s)
  %y = mul(%x, %t)
