# layer(dq(x), dq(w), b)  ==>  layer(dq(x), dq(w), dq(round(b / s))),   s = the scale of x times that of w
#
# Runtimes make an integer layer of the form that has all three; the bias is then what its sum of products counts in. It is
# rounded, by at most half a step of that sum.
rule bias_to_int32
match
  context %xf = dequantize_per_tensor(%xq, %sx, %zx)
  context %wf = dequantize_per_tensor(%wq, %sw, %zw)
  %y = @conv|linear:layer(%xf, %wf, %b) {..$how}
where
  is_float(%b), tensor(%b), constant(%sx), constant(%sw), @layer in @conv or rank(%xf) == 2, no_spec(..)
rewrite
  const %s = mul(%sx, %sw)
  const %z = to(zeros_like(%s)) {dtype: i32}
  const %q = quantize_per_tensor(%b, %s, %z) {quant_min: -2147483648, quant_max: 2147483647, dtype: i32, by_division: true}   named %b  kind constant
  %bf = dequantize_per_tensor(%q, %s, %z) {quant_min: -2147483648, quant_max: 2147483647, dtype: i32}   mark converted
  %y = @layer(%xf, %wf, %bf) {..$how}   source %y

# The same, with a scale for each output.
rule bias_to_int32_per_channel
match
  context %xf = dequantize_per_tensor(%xq, %sx, %zx)
  context %wf = dequantize_per_channel(%wq, %sw, %zw)
  %y = @conv|linear:layer(%xf, %wf, %b) {..$how}
where
  is_float(%b), tensor(%b), constant(%sx), constant(%sw), elements(%sw) == elements(%b), @layer in @conv or rank(%xf) == 2, no_spec(..)
rewrite
  const %s = mul(%sx, %sw)
  const %z = to(zeros_like(%s)) {dtype: i32}
  const %q = quantize_per_channel(%b, %s, %z) {quant_min: -2147483648, quant_max: 2147483647, dtype: i32, axis: 0, by_division: true}   named %b  kind constant
  %bf = dequantize_per_channel(%q, %s, %z) {quant_min: -2147483648, quant_max: 2147483647, dtype: i32, axis: 0}   mark converted
  %y = @layer(%xf, %wf, %bf) {..$how}   source %y
