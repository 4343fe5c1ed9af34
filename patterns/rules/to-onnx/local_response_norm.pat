# local_response_norm(x)  ==>  x / (k + alpha mean(x^2 of neighbouring channels))^beta,   windows of even size
#
# An even window has its odd channel in front, ONNX's behind, where runtimes have one at all. The mean is a pool over the channels,
# as PyTorch's exporter writes it; canonicalize knows it again.
rule local_response_norm_to_onnx
match
  %y = local_response_norm(%x) {size: $size, alpha: $alpha, beta: $beta, k: $k}
where
  is_float(%x), rank(%x) == 4, unknown_extents(%x) <= 1, $size / 2 * 2 == $size, no_spec(..)
rewrite
  const %alpha64 = $alpha: f64
  const %beta64 = $beta: f64
  const %k64 = $k: f64
  const %ax = to(%alpha64) {dtype: dtype(%x)}
  const %bx = to(%beta64) {dtype: dtype(%x)}
  const %kx = to(%k64) {dtype: dtype(%x)}
  %q = mul(%x, %x)
  %u = unsqueeze(%q) {dim: 1}
  %v = view(%u) {size: concat(dim(%x, 0), 1, extents(%x, 1, none))}
  %p = pad(%v) {pad: [0, 0, 0, 0, $size / 2, ($size - 1) / 2]}
  %a = avg_pool3d(%p) {kernel_size: [$size, 1, 1]}
  %s = squeeze(%a) {dim: [1]}
  %t = view(%s) {size: dims(%x)}
  %m = mul(%t, %ax)
  %b = add(%m, %kx)
  %w = pow(%b, %bx)
  %y = div(%x, %w)
