# layer_norm(x, w, b)  ==>  layer_norm(x, w) + b
rule layer_norm_bias_to_onnx
match
  %y = layer_norm(%x, %weight?, %bias) {..$how}
where
  no_spec(..)
rewrite
  %n = layer_norm(%x, %weight?) {..$how}
  %y = add(%n, %bias)

# layer_norm(x, w)  ==>  layer_norm(x) * w
rule layer_norm_weight_to_onnx
match
  %y = layer_norm(%x, %weight) {..$how}
where
  no_spec(..)
rewrite
  %n = layer_norm(%x) {..$how}
  %y = mul(%n, %weight)

# layer_norm(x)  ==>  (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps)
#
# The definition; ONNX has the op from opset 17 on. canonicalize knows it again.
rule layer_norm_to_onnx
match
  %y = layer_norm(%x) {normalized_shape: $shape, eps: $eps}
where
  is_float(%x), no_spec(..)
rewrite
  const %eps64 = $eps: f64
  const %e = to(%eps64) {dtype: dtype(%x)}
  %m = mean(%x) {dim: map($i in range(length($shape)), $i - length($shape)), keepdim: true}
  %d = sub(%x, %m)
  %q = mul(%d, %d)
  %v = mean(%q) {dim: map($i in range(length($shape)), $i - length($shape)), keepdim: true}
  %w = add(%v, %e)
  %s = sqrt(%w)
  %y = div(%d, %s)
