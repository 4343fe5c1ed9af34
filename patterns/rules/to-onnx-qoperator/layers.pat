# Layers of integers as the ops that ONNX, or onnxruntime's own domain, has for them. Those ops saturate at their dtype's
# ends, want one dtype in and out, and a bias of i32.

family @integer_conv = quantized.conv1d quantized.conv2d quantized.conv3d
family @integer_layer = quantized.conv1d quantized.conv2d quantized.conv3d quantized.linear

condition is_whole($min, $max, $dtype) = ($dtype == i8 and $min == -128 and $max == 127) or ($dtype == u8 and $min == 0 and $max == 255)
condition fits(%b) = dtype(%b) == i32 and (not constant(%b) or within(%b, -2147483647, 2147483646))
condition are_fixed(%sx, %zx, %sw, %zw, %sy, %zy) = constant(%sx) and constant(%zx) and constant(%sw) and constant(%zw) and constant(%sy) and constant(%zy)

# conv(x, w) in [min, max]  ==>  clamp(conv(x, w), min, max)
#
# What is cut at the dtype's ends first lies between them afterwards too.
rule layer_range_to_onnx
match
  %y = @integer_layer:c(%x, %w, %b?, %sx, %zx, %sw, %zw, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, ..$how}
where
  $dtype == i8 or $dtype == u8, not is_whole($min, $max, $dtype), no_spec(..)
rewrite
  const %least = $min: i32
  const %most = $max: i32
  const %l = to(%least) {dtype: $dtype}
  const %m = to(%most) {dtype: $dtype}
  %q = @integer_layer:c(%x, %w, %b?, %sx, %zx, %sw, %zw, %sy, %zy) {quant_min: -128 if $dtype == i8 else 0, quant_max: 127 if $dtype == i8 else 255, dtype: $dtype, ..$how}   source %y
  %y = clamp(%q, %l, %m)

# conv(x, w, b)  ==>  QLinearConv
#
# Its definition. onnxruntime wants one zero point for all channels of the weight.
rule qlinear_conv
match
  %y = @integer_conv:c(%x, %w, %b?, %sx, %zx, %sw, %zw, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float", stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}
where
  dtype(%x) == $dtype, is_whole($min, $max, $dtype), dtype(%w) == i8, all(%zw, 0), are_fixed(%sx, %zx, %sw, %zw, %sy, %zy),
  not %b or fits(%b), no_spec(..)
rewrite
  const %zx8 = to(%zx) {dtype: $dtype}   named %sx:zero_point
  const %zw8 = to(zeros_like(%sw)) {dtype: i8}   named %sw:zero_point
  const %zy8 = to(%zy) {dtype: $dtype}   named %sy:zero_point
  %y = "onnx.QLinearConv"(%x, %sx, %zx8, %w, %sw, %zw8, %sy, %zy8, %b?) {dilations: $dilation, group: $groups, kernel_shape: extents(%w, 2, none), pads: concat($padding, $padding), strides: $stride}

# linear(x, w, b)  ==>  linear of x as a matrix
#
# QGemm knows matrices.
rule linear_to_matrix
match
  %y = quantized.linear(%x, %w, %b?, %sx, %zx, %sw, %zw, %sy, %zy) {..$how}
where
  rank(%x) == 1 or rank(%x) > 2, unknown_extents(%y) == 0 or unknown_extents(%y) == 1, dim(%w, 1) > 0, no_spec(..)
rewrite
  %m = view(%x) {size: [-1, dim(%w, 1)]}
  %p = quantized.linear(%m, %w, %b?, %sx, %zx, %sw, %zw, %sy, %zy) {..$how}   source %y
  %y = view(%p) {size: dims(%y)}

# linear(x, w, b)  ==>  QGemm of onnxruntime's domain
#
# ONNX's own product of integers has no bias.
rule qgemm
match
  %y = quantized.linear(%x, %w, %b?, %sx, %zx, %sw, %zw, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float"}
where
  rank(%x) == 2, dtype(%x) == $dtype, is_whole($min, $max, $dtype), dtype(%w) == i8, all(%zw, 0), are_fixed(%sx, %zx, %sw, %zw, %sy, %zy),
  not %b or fits(%b), no_spec(..)
rewrite
  const %zx8 = to(%zx) {dtype: $dtype}   named %sx:zero_point
  const %zw8 = to(zeros_like(%sw)) {dtype: i8}   named %sw:zero_point
  const %zy8 = to(%zy) {dtype: $dtype}   named %sy:zero_point
  %y = "com.microsoft.QGemm"(%x, %sx, %zx8, %w, %sw, %zw8, %b?, %sy, %zy8) {transB: 1}

# matmul(x, o)  ==>  QLinearMatMul
#
# Its definition.
rule qlinear_matmul
match
  %y = quantized.matmul(%x, %o, %sx, %zx, %so, %zo, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float"}
where
  dtype(%x) == $dtype, dtype(%o) == $dtype, is_whole($min, $max, $dtype), are_fixed(%sx, %zx, %so, %zo, %sy, %zy), no_spec(..)
rewrite
  const %zx8 = to(%zx) {dtype: $dtype}   named %sx:zero_point
  const %zo8 = to(%zo) {dtype: $dtype}   named %so:zero_point
  const %zy8 = to(%zy) {dtype: $dtype}   named %sy:zero_point
  %y = "onnx.QLinearMatMul"(%x, %sx, %zx8, %o, %so, %zo8, %sy, %zy8)
