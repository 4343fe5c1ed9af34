# scaled_dot_product_attention(q, k, v, mask) {scale: c}  ==>  softmax(q k^T * c + mask) v
#
# The definition. A mask of truths says where -inf stands instead.
rule scaled_dot_product_attention_to_onnx
match
  %y = scaled_dot_product_attention(%q, %k, %v, %mask?)
    {dropout_p: 0.0, is_causal: false, scale: $scale, enable_gqa: false}
where
  is_float(%q), not is_none($scale), no_spec(..)
rewrite
  const %given = $scale: f64
  const %c = to(%given) {dtype: dtype(%q)}
  const %lowest = -inf: f64
  const %hidden = to(%lowest) {dtype: dtype(%q)}
  %kt = transpose(%k) {dim0: -2, dim1: -1}
  %m = matmul(%q, %kt)
  %s = mul(%m, %c)
  %shown = where(%mask, %s, %hidden)   if %mask and not is_float(%mask) else %s
  %t = add(%shown, %mask)   if %mask and is_float(%mask) else %shown
  %p = softmax(%t) {dim: -1}
  %y = matmul(%p, %v)

# The same without a scale: c = 1 / sqrt(last extent of q)
rule unscaled_attention_to_onnx
match
  %y = scaled_dot_product_attention(%q, %k, %v, %mask?)
    {dropout_p: 0.0, is_causal: false, scale: none, enable_gqa: false}
where
  is_float(%q), dim(%q, -1) > 0, no_spec(..)
rewrite
  const %extent = dim(%q, -1): f64
  const %root = rsqrt(%extent)
  const %c = to(%root) {dtype: dtype(%q)}
  const %lowest = -inf: f64
  const %hidden = to(%lowest) {dtype: dtype(%q)}
  %kt = transpose(%k) {dim0: -2, dim1: -1}
  %m = matmul(%q, %kt)
  %s = mul(%m, %c)
  %shown = where(%mask, %s, %hidden)   if %mask and not is_float(%mask) else %s
  %t = add(%shown, %mask)   if %mask and is_float(%mask) else %shown
  %p = softmax(%t) {dim: -1}
  %y = matmul(%p, %v)
