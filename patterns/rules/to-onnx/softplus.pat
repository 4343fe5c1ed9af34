# softplus(x) {beta: k}  ==>  softplus(k x) / k
#
# ONNX's has no beta. Above a threshold of 20 softplus is x as far as floats go; another threshold is left alone.
rule softplus_to_onnx
match
  %y = softplus(%x) {beta: $beta, threshold: $t}
where
  is_float(%x), $t >= 20, $beta != 1.0 or $t != 20.0, $beta != 0.0, no_spec(..)
rewrite
  const %f = $beta: f64
  const %k = to(%f) {dtype: dtype(%x)}
  %m = mul(%x, %k)
  %s = softplus(%m)
  %y = div(%s, %k)
