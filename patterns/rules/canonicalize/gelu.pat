# (x (erf(x / sqrt(2)) + 1)) / 2  ==>  gelu(x)
# Exporters write it with ONNX's Erf, which graft has only as an opaque node.
rule gelu_of_erf
match
  %d = div(%x, %c)   one_use
  %e = "onnx.Erf"(%d)   one_use
  %a = add(%e, 1.0)   one_use
  %m = mul(%x, %a)   one_use
  %y = mul(%m, 0.5)
where
  constant(%c), elements(%c) == 1, number(%c) > 1.41421, number(%c) < 1.41422, no_spec(..)
rewrite
  %y = gelu(%x)
