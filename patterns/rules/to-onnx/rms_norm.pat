# rms_norm(x, w)  ==>  rms_norm(x) * w
rule rms_norm_weight_to_onnx
match
  %y = rms_norm(%x, %weight) {..$how}
where
  no_spec(..)
rewrite
  %n = rms_norm(%x) {..$how}
  %y = mul(%n, %weight)

# rms_norm(x)  ==>  x / sqrt(mean(x^2) + eps)
#
# The definition; canonicalize knows it again.
rule rms_norm_to_onnx
match
  %y = rms_norm(%x) {normalized_shape: $shape, eps: $eps}
where
  is_float(%x), no_spec(..)
rewrite
  const %eps64 = $eps: f64
  const %e = to(%eps64) {dtype: dtype(%x)}
  %q = mul(%x, %x)
  %v = mean(%q) {dim: map($i in range(length($shape)), $i - length($shape)), keepdim: true}
  %w = add(%v, %e)
  %s = sqrt(%w)
  %y = div(%x, %s)
