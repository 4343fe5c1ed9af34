# Convolutions and linear layers whose operands are dequantized and whose result is quantized.

family @float_layer = conv1d conv2d conv3d linear conv_transpose1d conv_transpose2d conv_transpose3d
family @integer_layer = quantized.conv1d quantized.conv2d quantized.conv3d quantized.linear quantized.conv_transpose1d quantized.conv_transpose2d quantized.conv_transpose3d
family @integer_layer_relu = quantized.conv1d_relu quantized.conv2d_relu quantized.conv3d_relu quantized.linear_relu quantized.conv_transpose1d_relu quantized.conv_transpose2d_relu quantized.conv_transpose3d_relu
family @float_sum = conv1d conv2d conv3d linear
family @integer_sum = quantized.conv1d_add quantized.conv2d_add quantized.conv3d_add quantized.linear_add
family @integer_sum_relu = quantized.conv1d_add_relu quantized.conv2d_add_relu quantized.conv3d_add_relu quantized.linear_add_relu

condition is_activation(%x) = dtype(%x) == i8 or dtype(%x) == u8 or dtype(%x) == i16

# conv(DQ(x), DQ(w))  ==>  conv(DQ(x), DQ(w - 128)),   w of u8
#
# w - zw is what counts, and (w - 128) - (zw - 128), of i8, is the same.
rule weight_of_bytes
match
  per_channel? {
    %dw = dequantize_per_channel(%w, %sw, %zw) {quant_min: $min, quant_max: $max, dtype: u8, axis: $axis, groups: $groups}
  } else {
    %dw = dequantize_per_tensor(%w, %sw, %zw) {quant_min: $min, quant_max: $max, dtype: u8}
  }
  %y = @float_layer:c(%x, %dw, ..%b) {..$how}
where
  is_dequantized(%x), constant(%w) or parameter(%w), constant(%zw), no_spec(..)
rewrite
  const %v = to(sub(to(%w) {dtype: i32}, 128)) {dtype: i8}   named %w
  const %z = sub(%zw, 128)
  if per_channel {
    %d = dequantize_per_channel(%v, %sw, %z) {quant_min: $min - 128, quant_max: $max - 128, dtype: i8, axis: $axis, groups: $groups}   source %dw
  } else {
    %d = dequantize_per_tensor(%v, %sw, %z) {quant_min: $min - 128, quant_max: $max - 128, dtype: i8}   source %dw
  }
  %y = @c(%x, %d, ..%b) {..$how}

# Q(relu(conv(DQ(x), DQ(w)) + DQ(o)), sy)  ==>  conv_add_relu(x, w, o),   relu or none
#
# The sum of products of integers is exact, and so is that of what they stand for but for one rounding: the layer's
# sum, o and the bias are added before the result is rounded, once, as they are in float. No q stands between.
rule lower_layer_sum
match
  per_channel? {
    %dw = dequantize_per_channel(%w, %sw, %zw) {axis: $axis, groups: 1, drop ..}
    where $axis == 0 or $axis == -rank(%w)
  } else {
    %dw = dequantize_per_tensor(%w, %sw, %zw) {drop ..}
  }
  stored? {
    %b = @dq:b(%bi, %sb, %zb) {drop ..}
    %bias = %bi
    where dtype(%bi) == i32, all(%zb, 0), is_product(%sb, %sx, %sw)
  } else {
    %bias = %b
  }
  relu? {
    %r = relu(%s)   one_use
  } else {
    %r = %s
  }
  %dx = dequantize_per_tensor(%x, %sx, %zx) {drop ..}
  %do = dequantize_per_tensor(%o, %so, %zo) {drop ..}
  %c = @float_sum:c(%dx, %dw, %b?) {..$how}   one_use
  %s = add(%c, %do)   one_use
  %y = quantize_per_tensor(%r, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, drop by_division}
where
  is_activation(%x), is_activation(%o), is_activation(%y), dtype(%w) == i8, same_shape(%c, %do), no_spec(..)
rewrite
  if stored {
    drop %sb
  }
  if relu {
    %y = @integer_sum_relu:c(%x, %w, %bias?, %sx, %zx, %sw, %zw, %sy, %zy, %o, %so, %zo) {..$how, quant_min: $min, quant_max: $max, dtype: $dtype}   source %c
  } else {
    %y = @integer_sum:c(%x, %w, %bias?, %sx, %zx, %sw, %zw, %sy, %zy, %o, %so, %zo) {..$how, quant_min: $min, quant_max: $max, dtype: $dtype}   source %c
  }

# Q(relu(conv(DQ(x), DQ(w), b)), sy)  ==>  conv_relu(x, w, b),   relu or none
#
# Zeros that pad x in float are its zero point in integers, and a sum of (x - zx) (w - zw) is exact. A bias that is
# dequantized with the product of the scales, which is what the sums are in steps of, joins them as an integer; any
# other stays a float.
rule lower_layer
match
  per_channel? {
    %dw = dequantize_per_channel(%w, %sw, %zw) {axis: $axis, groups: $groups, drop ..}
    where $axis == @c.weight_axis or $axis == @c.weight_axis - rank(%w), $groups == @c.weight_groups
  } else {
    %dw = dequantize_per_tensor(%w, %sw, %zw) {drop ..}
  }
  stored? {
    %b = @dq:b(%bi, %sb, %zb) {drop ..}
    %bias = %bi
    where dtype(%bi) == i32, all(%zb, 0), is_product(%sb, %sx, %sw)
  } else {
    %bias = %b
  }
  relu? {
    %r = relu(%c)   one_use
  } else {
    %r = %c
  }
  %dx = dequantize_per_tensor(%x, %sx, %zx) {drop ..}
  %c = @float_layer:c(%dx, %dw, %b?) {..$how}   one_use
  %y = quantize_per_tensor(%r, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, drop by_division}
where
  is_activation(%x), is_activation(%y), dtype(%w) == i8, no_spec(..)
rewrite
  if stored {
    drop %sb
  }
  if relu {
    %y = @integer_layer_relu:c(%x, %w, %bias?, %sx, %zx, %sw, %zw, %sy, %zy) {..$how, quant_min: $min, quant_max: $max, dtype: $dtype}   source %c
  } else {
    %y = @integer_layer:c(%x, %w, %bias?, %sx, %zx, %sw, %zw, %sy, %zy) {..$how, quant_min: $min, quant_max: $max, dtype: $dtype}   source %c
  }
