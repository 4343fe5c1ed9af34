# Sums, products and means of integers become dequantize, op, quantize again.

family @integer_pair = quantized.add quantized.mul quantized.matmul
family @float_pair = add mul matmul
family @integer_mean = quantized.avg_pool1d quantized.avg_pool2d quantized.avg_pool3d quantized.adaptive_avg_pool1d quantized.adaptive_avg_pool2d quantized.adaptive_avg_pool3d quantized.mean
family @float_mean = avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d mean

# add(x, o)  ==>  Q(DQ(x) + DQ(o)),   add, mul or matmul
#
# What the integers stand for.
rule raise_pair
match
  %y = @integer_pair:p(%x, %o, %sx, %zx, %so, %zo, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float"}
where
  no_spec(..)
rewrite
  %dx = dequantize_per_tensor(%x, %sx, %zx) {quant_min: -128 if dtype(%x) == i8 else 0 if dtype(%x) == u8 else -32768, quant_max: 127 if dtype(%x) == i8 else 255 if dtype(%x) == u8 else 32767, dtype: dtype(%x)}
  %do = dequantize_per_tensor(%o, %so, %zo) {quant_min: -128 if dtype(%o) == i8 else 0 if dtype(%o) == u8 else -32768, quant_max: 127 if dtype(%o) == i8 else 255 if dtype(%o) == u8 else 32767, dtype: dtype(%o)}
  %f = @float_pair:p(%dx, %do)   source %y
  %y = quantize_per_tensor(%f, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, by_division: true}   mark converted

# mean(x)  ==>  Q(mean(DQ(x))),   or a pool of means
#
# As above.
rule raise_mean
match
  %y = @integer_mean:p(%x, %sx, %zx, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float", ..$how}
where
  no_spec(..)
rewrite
  %dx = dequantize_per_tensor(%x, %sx, %zx) {quant_min: -128 if dtype(%x) == i8 else 0 if dtype(%x) == u8 else -32768, quant_max: 127 if dtype(%x) == i8 else 255 if dtype(%x) == u8 else 32767, dtype: dtype(%x)}
  %f = @float_mean:p(%dx) {..$how}   source %y
  %y = quantize_per_tensor(%f, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, by_division: true}   mark converted

# cat(x) at another scale  ==>  Q(DQ(x))
#
# What the integers stand for. `lower` brings one operand at a time to the scale of a cat.
rule raise_rescaled
match
  %y = quantized.cat(%s, %z, %sy, %zy, %x) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float", drop dim}
where
  constant(%s), constant(%z), no_spec(..)
rewrite
  const %s0 = view(%s) {size: []}   named %s
  const %z0 = view(%z) {size: []}   named %z
  %dx = dequantize_per_tensor(%x, %s0, %z0) {quant_min: -128 if dtype(%x) == i8 else 0 if dtype(%x) == u8 else -32768, quant_max: 127 if dtype(%x) == i8 else 255 if dtype(%x) == u8 else 32767, dtype: dtype(%x)}
  %y = quantize_per_tensor(%dx, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, by_division: true}   mark converted
