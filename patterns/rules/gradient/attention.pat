# softmax(q k^T c + mask) v, with p the weights:
#   dv = p^T dy,  dp = dy v^T,  ds = p (dp - sum(dp p)),  dq = ds k c,  dk = ds^T q c,  dmask = ds
#
# The weights are computed again. c is 1 / sqrt(last extent of q) where it is not given; what is hidden has the weight 0.
rule gradient_attention
match
  context %y = scaled_dot_product_attention(%q, %k, %v, %mask?) {dropout_p: 0.0, is_causal: $causal, scale: $scale, enable_gqa: false}
  %dq, %dk, %dv, %dmask? = gradient(%y, %dy)
where
  not is_none($scale) or dim(%q, -1) > 0
rewrite
  const %extent = dim(%q, -1) if is_none($scale) else 1: f64
  const %given = 1.0 if is_none($scale) else $scale: f64
  const %root = rsqrt(%extent)
  const %product = mul(%root, %given)
  const %c = to(%product) {dtype: dtype(%q)}
  const %lowest = -inf: f64
  const %hidden = to(%lowest) {dtype: dtype(%q)}
  %s = mul(matmul(%q, transpose(%k) {dim0: -2, dim1: -1}), %c)
  %s2 = where(%mask, %s, %hidden)   if %mask and not is_float(%mask) else %s
  %s3 = add(%s2, %mask)   if %mask and is_float(%mask) else %s2
  %s4 = where(gt(tril(exp(zeros_like(%s3))), 0.0), %s3, %hidden)   if $causal else %s3
  %p = softmax(%s4) {dim: -1}
  %dp = matmul(%dy, transpose(%v) {dim0: -2, dim1: -1})
  %ds = mul(%p, sub(%dp, sum(mul(%dp, %p)) {dim: [-1], keepdim: true}))
  %dc = mul(%ds, %c)
  %dq = matmul(%dc, %k)
  %dk = matmul(transpose(%dc) {dim0: -2, dim1: -1}, %q)
  %dv = matmul(transpose(%p) {dim0: -2, dim1: -1}, %dy)
  %none = zeros_like(%mask)   if %mask and not is_float(%mask) else %ds
  %dmask? = %none

# The same where each head of k and v serves several of q: dk and dv are summed over those
rule gradient_grouped_attention
match
  context %y = scaled_dot_product_attention(%q, %k, %v, %mask?) {dropout_p: 0.0, is_causal: $causal, scale: $scale, enable_gqa: true}
  %dq, %dk, %dv, %dmask? = gradient(%y, %dy)
where
  rank(%q) == 4, static_shape(%q), static_shape(%k), static_shape(%v), dim(%k, 1) > 0, dim(%v, 1) == dim(%k, 1)
rewrite
  const %extent = dim(%q, -1) if is_none($scale) else 1: f64
  const %given = 1.0 if is_none($scale) else $scale: f64
  const %root = rsqrt(%extent)
  const %product = mul(%root, %given)
  const %c = to(%product) {dtype: dtype(%q)}
  const %lowest = -inf: f64
  const %hidden = to(%lowest) {dtype: dtype(%q)}
  %ke = expand(unsqueeze(%k) {dim: 2}) {size: [-1, -1, dim(%q, 1) / dim(%k, 1), -1, -1]}
  %ve = expand(unsqueeze(%v) {dim: 2}) {size: [-1, -1, dim(%q, 1) / dim(%k, 1), -1, -1]}
  %kg = flatten(%ke) {start_dim: 1, end_dim: 2}
  %vg = flatten(%ve) {start_dim: 1, end_dim: 2}
  %s = mul(matmul(%q, transpose(%kg) {dim0: -2, dim1: -1}), %c)
  %s2 = where(%mask, %s, %hidden)   if %mask and not is_float(%mask) else %s
  %s3 = add(%s2, %mask)   if %mask and is_float(%mask) else %s2
  %s4 = where(gt(tril(exp(zeros_like(%s3))), 0.0), %s3, %hidden)   if $causal else %s3
  %p = softmax(%s4) {dim: -1}
  %dp = matmul(%dy, transpose(%vg) {dim0: -2, dim1: -1})
  %ds = mul(%p, sub(%dp, sum(mul(%dp, %p)) {dim: [-1], keepdim: true}))
  %dc = mul(%ds, %c)
  %dq = matmul(%dc, %kg)
  %dkg = matmul(transpose(%dc) {dim0: -2, dim1: -1}, %q)
  %dvg = matmul(transpose(%p) {dim0: -2, dim1: -1}, %dy)
  %dk = sum(view(%dkg) {size: [dim(%k, 0), dim(%k, 1), -1, dim(%k, 2), dim(%k, 3)]}) {dim: [2]}
  %dv = sum(view(%dvg) {size: [dim(%v, 0), dim(%v, 1), -1, dim(%v, 2), dim(%v, 3)]}) {dim: [2]}
  %none = zeros_like(%mask)   if %mask and not is_float(%mask) else %ds
  %dmask? = %none
