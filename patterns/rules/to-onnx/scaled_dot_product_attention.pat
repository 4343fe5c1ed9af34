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

# causal attention  ==>  attention with a mask of truths
#
# A query sees the keys up to its own place.
rule causal_attention_to_onnx
match
  %y = scaled_dot_product_attention(%q, %k, %v, _) {is_causal: true, ..$how}
where
  dim(%q, -2) > 0, dim(%k, -2) > 0, no_spec(..)
rewrite
  const %one = 1: f32
  const %ones = expand(%one) {size: [dim(%q, -2), dim(%k, -2)]}
  const %lower = tril(%ones)
  const %seen = to(%lower) {dtype: bool}
  %y = scaled_dot_product_attention(%q, %k, %v, %seen) {is_causal: false, ..$how}

# attention whose queries have more heads  ==>  attention with each head of the keys as often as it is asked
#
# The definition.
rule grouped_attention_to_onnx
match
  %y = scaled_dot_product_attention(%q, %k, %v, %mask?) {enable_gqa: true, ..$how}
where
  rank(%q) == 4, rank(%k) == 4, rank(%v) == 4, dim(%q, 1) > 0, dim(%k, 1) > 0, dim(%v, 1) == dim(%k, 1), dim(%k, 2) > 0, dim(%k, 3) > 0, dim(%v, 3) > 0,
  no_spec(..)
rewrite
  %ku = unsqueeze(%k) {dim: 2}
  %vu = unsqueeze(%v) {dim: 2}
  %ke = expand(%ku) {size: [-1, -1, dim(%q, 1) / dim(%k, 1), -1, -1]}
  %ve = expand(%vu) {size: [-1, -1, dim(%q, 1) / dim(%k, 1), -1, -1]}
  %kg = view(%ke) {size: [-1, dim(%q, 1), dim(%k, 2), dim(%k, 3)]}
  %vg = view(%ve) {size: [-1, dim(%q, 1), dim(%k, 2), dim(%v, 3)]}
  %y = scaled_dot_product_attention(%q, %kg, %vg, %mask?) {enable_gqa: false, ..$how}
