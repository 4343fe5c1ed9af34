# Float biases of integer layers, which join the sums as integers of their steps: they are rounded by at most half of one.

family @integer_layer = quantized.conv1d quantized.conv2d quantized.conv3d quantized.linear

# conv(x, w, b)  ==>  conv(x, w, round(b / s)),   s = the scale of x times that of w
#
# What the sum is in steps of.
rule layer_bias_to_onnx
match
  %y = @integer_layer:c(%x, %w, %b, %sx, %zx, %sw, %zw, %sy, %zy) {..$how}
where
  is_float(%b), const(%b), constant(%sx), constant(%sw), rank(%sw) == 0, no_spec(..)
rewrite
  const %s = mul(%sx, %sw)
  const %z = to(zeros_like(%s)) {dtype: i32}
  const %q = quantize_per_tensor(%b, %s, %z) {quant_min: -2147483648, quant_max: 2147483647, dtype: i32, by_division: true}   named %b  kind constant
  %y = @integer_layer:c(%x, %w, %q, %sx, %zx, %sw, %zw, %sy, %zy) {..$how}

# The same, with a scale for each output.
rule layer_bias_per_channel_to_onnx
match
  %y = @integer_layer:c(%x, %w, %b, %sx, %zx, %sw, %zw, %sy, %zy) {..$how}
where
  is_float(%b), const(%b), constant(%sx), constant(%sw), rank(%sw) == 1, elements(%sw) == elements(%b), no_spec(..)
rewrite
  const %s = mul(%sx, %sw)
  const %z = to(zeros_like(%s)) {dtype: i32}
  const %q = quantize_per_channel(%b, %s, %z) {quant_min: -2147483648, quant_max: 2147483647, dtype: i32, axis: 0, by_division: true}   named %b  kind constant
  %y = @integer_layer:c(%x, %w, %q, %sx, %zx, %sw, %zw, %sy, %zy) {..$how}
