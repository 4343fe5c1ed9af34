# silu(x)  ==>  x * sigmoid(x)
#
# The definition; canonicalize knows it again.
rule silu_to_onnx
match
  %y = silu(%x)
where
  no_spec(..)
rewrite
  %s = sigmoid(%x)
  %y = mul(%x, %s)
