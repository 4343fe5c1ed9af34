# Sums, products and means of integers as the ops of onnxruntime's own domain.

family @integer_pair = quantized.add quantized.mul quantized.matmul
family @integer_mean = quantized.avg_pool1d quantized.avg_pool2d quantized.avg_pool3d quantized.adaptive_avg_pool1d quantized.adaptive_avg_pool2d quantized.adaptive_avg_pool3d quantized.mean

condition is_whole($min, $max, $dtype) = ($dtype == i8 and $min == -128 and $max == 127) or ($dtype == u8 and $min == 0 and $max == 255)

# add(x, o) in [min, max]  ==>  clamp(add(x, o), min, max)
#
# What is cut at the dtype's ends first lies between them afterwards too.
rule pair_range_to_onnx
match
  %y = @integer_pair:p(%x, %o, %sx, %zx, %so, %zo, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, ..$how}
where
  $dtype == i8 or $dtype == u8, not is_whole($min, $max, $dtype), no_spec(..)
rewrite
  const %least = $min: i32
  const %most = $max: i32
  const %l = to(%least) {dtype: $dtype}
  const %m = to(%most) {dtype: $dtype}
  %q = @integer_pair:p(%x, %o, %sx, %zx, %so, %zo, %sy, %zy) {quant_min: -128 if $dtype == i8 else 0, quant_max: 127 if $dtype == i8 else 255, dtype: $dtype, ..$how}   source %y
  %y = clamp(%q, %l, %m)

# mean(x) in [min, max]  ==>  clamp(mean(x), min, max),   or a pool of means
#
# As above.
rule mean_range_to_onnx
match
  %y = @integer_mean:p(%x, %sx, %zx, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, ..$how}
where
  $dtype == i8 or $dtype == u8, not is_whole($min, $max, $dtype), no_spec(..)
rewrite
  const %least = $min: i32
  const %most = $max: i32
  const %l = to(%least) {dtype: $dtype}
  const %m = to(%most) {dtype: $dtype}
  %q = @integer_mean:p(%x, %sx, %zx, %sy, %zy) {quant_min: -128 if $dtype == i8 else 0, quant_max: 127 if $dtype == i8 else 255, dtype: $dtype, ..$how}   source %y
  %y = clamp(%q, %l, %m)

# add(x, o)  ==>  QLinearAdd
#
# Its definition.
rule qlinear_add
match
  %y = quantized.add(%x, %o, %sx, %zx, %so, %zo, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float"}
where
  dtype(%x) == $dtype, dtype(%o) == $dtype, is_whole($min, $max, $dtype), constant(%zx), constant(%zo), constant(%zy), no_spec(..)
rewrite
  const %zx8 = to(%zx) {dtype: $dtype}   named %sx:zero_point
  const %zo8 = to(%zo) {dtype: $dtype}   named %so:zero_point
  const %zy8 = to(%zy) {dtype: $dtype}   named %sy:zero_point
  %y = "com.microsoft.QLinearAdd"(%x, %sx, %zx8, %o, %so, %zo8, %sy, %zy8)

# mul(x, o)  ==>  QLinearMul
#
# Its definition.
rule qlinear_mul
match
  %y = quantized.mul(%x, %o, %sx, %zx, %so, %zo, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float"}
where
  dtype(%x) == $dtype, dtype(%o) == $dtype, is_whole($min, $max, $dtype), constant(%zx), constant(%zo), constant(%zy), no_spec(..)
rewrite
  const %zx8 = to(%zx) {dtype: $dtype}   named %sx:zero_point
  const %zo8 = to(%zo) {dtype: $dtype}   named %so:zero_point
  const %zy8 = to(%zy) {dtype: $dtype}   named %sy:zero_point
  %y = "com.microsoft.QLinearMul"(%x, %sx, %zx8, %o, %so, %zo8, %sy, %zy8)

# mean(x) over all of space  ==>  the global pool
#
# The definition.
rule mean_to_global_pool
match
  %y = quantized.mean(%x, %sx, %zx, %sy, %zy) {dim: $dim, drop keepdim, ..$how}
where
  rank(%x) == 4, $dim == [2, 3] or $dim == [-2, -1] or $dim == [-1, -2], unknown_extents(%y) == 0 or unknown_extents(%y) == 1, no_spec(..)
rewrite
  %p = quantized.adaptive_avg_pool2d(%x, %sx, %zx, %sy, %zy) {output_size: [1, 1], ..$how}   source %y
  %y = view(%p) {size: dims(%y)}

# avg_pool(x)  ==>  QLinearAveragePool
#
# Its definition.
rule qlinear_average_pool
match
  %y = quantized.avg_pool1d|quantized.avg_pool2d|quantized.avg_pool3d(%x, %sx, %zx, %sy, %zy) {kernel_size: $size, stride: $stride, padding: $padding, ceil_mode: $ceil, count_include_pad: $whole, dilation: $dilation, quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float"}
where
  every($d in $dilation, $d == 1), dtype(%x) == $dtype, is_whole($min, $max, $dtype), constant(%zx), constant(%zy), no_spec(..)
rewrite
  const %zx8 = to(%zx) {dtype: $dtype}   named %sx:zero_point
  const %zy8 = to(%zy) {dtype: $dtype}   named %sy:zero_point
  %y = "com.microsoft.QLinearAveragePool"(%x, %sx, %zx8, %sy, %zy8) {ceil_mode: 1 if $ceil else 0, count_include_pad: 1 if $whole else 0, kernel_shape: $size, pads: concat($padding, $padding), strides: $stride}

# adaptive_avg_pool(x) to one element  ==>  QLinearGlobalAveragePool
#
# Its definition.
rule qlinear_global_average_pool
match
  %y = quantized.adaptive_avg_pool1d|quantized.adaptive_avg_pool2d|quantized.adaptive_avg_pool3d(%x, %sx, %zx, %sy, %zy) {output_size: $size, quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float"}
where
  every($s in $size, $s == 1), rank(%x) == length($size) + 2, dtype(%x) == $dtype, is_whole($min, $max, $dtype), constant(%zx), constant(%zy), no_spec(..)
rewrite
  const %zx8 = to(%zx) {dtype: $dtype}   named %sx:zero_point
  const %zy8 = to(%zy) {dtype: $dtype}   named %sy:zero_point
  %y = "com.microsoft.QLinearGlobalAveragePool"(%x, %sx, %zx8, %sy, %zy8) {channels_last: 0}
