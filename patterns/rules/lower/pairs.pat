# Sums, products and means of dequantized numbers whose result is quantized.

family @float_pair = add mul
family @integer_pair = quantized.add quantized.mul
family @integer_pair_relu = quantized.add_relu quantized.mul_relu
family @float_mean = avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d mean
family @integer_mean = quantized.avg_pool1d quantized.avg_pool2d quantized.avg_pool3d quantized.adaptive_avg_pool1d quantized.adaptive_avg_pool2d quantized.adaptive_avg_pool3d quantized.mean

condition is_activation(%x) = dtype(%x) == i8 or dtype(%x) == u8 or dtype(%x) == i16

# Q(relu(DQ(x) + DQ(o)))  ==>  add_relu(x, o),   add or mul, relu or none
#
# The definition.
rule lower_pair
match
  relu? {
    %r = relu(%p)   one_use
  } else {
    %r = %p
  }
  %dx = dequantize_per_tensor(%x, %sx, %zx) {drop ..}
  %do = dequantize_per_tensor(%o, %so, %zo) {drop ..}
  %p = @float_pair:p(%dx, %do)   one_use
  %y = quantize_per_tensor(%r, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, drop by_division}
where
  is_activation(%x), is_activation(%o), is_activation(%y), no_spec(..)
rewrite
  if relu {
    %y = @integer_pair_relu:p(%x, %o, %sx, %zx, %so, %zo, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype}   source %p
  } else {
    %y = @integer_pair:p(%x, %o, %sx, %zx, %so, %zo, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype}   source %p
  }

# Q(DQ(x) DQ(o))  ==>  matmul(x, o)
#
# The definition.
rule lower_matmul
match
  %dx = dequantize_per_tensor(%x, %sx, %zx) {drop ..}
  %do = dequantize_per_tensor(%o, %so, %zo) {drop ..}
  %p = matmul(%dx, %do)   one_use
  %y = quantize_per_tensor(%p, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, drop by_division}
where
  is_activation(%x), is_activation(%o), is_activation(%y), no_spec(..)
rewrite
  %y = quantized.matmul(%x, %o, %sx, %zx, %so, %zo, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype}   source %p

# Q(mean(DQ(x)))  ==>  mean(x),   or a pool of means
#
# The definition. Zeros that pad x in float are its zero point.
rule lower_mean
match
  %dx = dequantize_per_tensor(%x, %sx, %zx) {drop ..}
  %p = @float_mean:p(%dx) {..$how}   one_use
  %y = quantize_per_tensor(%p, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, drop by_division}
where
  is_activation(%x), is_activation(%y), no_spec(..)
rewrite
  %y = @integer_mean:p(%x, %sx, %zx, %sy, %zy) {..$how, quant_min: $min, quant_max: $max, dtype: $dtype}   source %p

# clamp(op(x))  ==>  op(x) with a narrower range
#
# The range is what an integer op clamps to.
rule narrow_range
match
  %q = @quantized:i(..%all) {quant_min: $min, quant_max: $max, ..$how}   one_use
  %y = clamp(%q, %least?, %most?)
where
  not %least or constant(%least) and elements(%least) == 1, not %most or constant(%most) and elements(%most) == 1, no_spec(..)
rewrite
  %y = @i(..%all) {quant_min: max($min, int(%least)) if %least else $min, quant_max: min($max, int(%most)) if %most else $max, ..$how}   source %q
