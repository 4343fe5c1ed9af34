# normalize(x) {eps: e}  ==>  x / max(norm(x), e)
#
# The definition; ONNX's LpNormalization has no eps.
rule normalize_to_onnx
match
  %y = normalize(%x) {p: $p, dim: $dim, eps: $eps}
where
  is_float(%x), $eps > 0, no_spec(..)
rewrite
  const %eps64 = $eps: f64
  const %e = to(%eps64) {dtype: dtype(%x)}
  %n = linalg_vector_norm(%x) {ord: $p, dim: [$dim], keepdim: true}
  %c = maximum(%n, %e)
  %y = div(%x, %c)
