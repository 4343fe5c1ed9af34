# Integer layers that neither ONNX nor onnxruntime's domain has, or that are not to be written as such, become dequantize,
# layer, quantize again, which `lower` made them from.

family @integer_layer = quantized.conv1d quantized.conv2d quantized.conv3d quantized.linear quantized.conv_transpose1d quantized.conv_transpose2d quantized.conv_transpose3d
family @float_layer = conv1d conv2d conv3d linear conv_transpose1d conv_transpose2d conv_transpose3d
family @integer_sum = quantized.conv1d_add quantized.conv2d_add quantized.conv3d_add quantized.linear_add
family @float_sum = conv1d conv2d conv3d linear

# conv(x, w, b)  ==>  Q(conv(DQ(x), DQ(w), DQ(b)))
#
# What the integers stand for. A bias of integers counts in steps of the product of the scales.
rule raise_layer
match
  %y = @integer_layer:c(%x, %w, %b?, %sx, %zx, %sw, %zw, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float", ..$how}
  stored? {
    where dtype(%b) == i32, constant(%sx), constant(%sw)
  }
  per_channel? {
    where rank(%sw) == 1
  }
where
  dtype(%w) == i8, rank(%sw) < 2, rank(%zw) == rank(%sw), stored or not %b or is_float(%b), no_spec(..)
rewrite
  %dx = dequantize_per_tensor(%x, %sx, %zx) {quant_min: -128 if dtype(%x) == i8 else 0 if dtype(%x) == u8 else -32768, quant_max: 127 if dtype(%x) == i8 else 255 if dtype(%x) == u8 else 32767, dtype: dtype(%x)}
  if per_channel {
    %dw = dequantize_per_channel(%w, %sw, %zw) {quant_min: -128, quant_max: 127, dtype: i8, axis: @c.weight_axis, groups: @c.weight_groups}   mark converted
  } else {
    %dw = dequantize_per_tensor(%w, %sw, %zw) {quant_min: -128, quant_max: 127, dtype: i8}   mark converted
  }
  if stored {
    const %sb = mul(%sx, %sw)
    const %zb = to(zeros_like(%sb)) {dtype: i32}
    if per_channel {
      %bf = dequantize_per_channel(%b, %sb, %zb) {quant_min: -2147483648, quant_max: 2147483647, dtype: i32, axis: 0}   if %b   mark converted
    } else {
      %bf = dequantize_per_tensor(%b, %sb, %zb) {quant_min: -2147483648, quant_max: 2147483647, dtype: i32}   if %b   mark converted
    }
  } else {
    %bf = %b   if %b
  }
  %f = @float_layer:c(%dx, %dw, %bf?) {..$how}   source %y
  %y = quantize_per_tensor(%f, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, by_division: true}   mark converted

# conv_add(x, w, b, o)  ==>  Q(conv(DQ(x), DQ(w), DQ(b)) + DQ(o))
#
# As above, rounded once.
rule raise_sum
match
  %y = @integer_sum:c(%x, %w, %b?, %sx, %zx, %sw, %zw, %sy, %zy, %o, %so, %zo) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float", ..$how}
  stored? {
    where dtype(%b) == i32, constant(%sx), constant(%sw)
  }
  per_channel? {
    where rank(%sw) == 1
  }
where
  dtype(%w) == i8, rank(%sw) < 2, rank(%zw) == rank(%sw), stored or not %b or is_float(%b), no_spec(..)
rewrite
  %dx = dequantize_per_tensor(%x, %sx, %zx) {quant_min: -128 if dtype(%x) == i8 else 0 if dtype(%x) == u8 else -32768, quant_max: 127 if dtype(%x) == i8 else 255 if dtype(%x) == u8 else 32767, dtype: dtype(%x)}
  if per_channel {
    %dw = dequantize_per_channel(%w, %sw, %zw) {quant_min: -128, quant_max: 127, dtype: i8, axis: @c.weight_axis, groups: @c.weight_groups}   mark converted
  } else {
    %dw = dequantize_per_tensor(%w, %sw, %zw) {quant_min: -128, quant_max: 127, dtype: i8}   mark converted
  }
  if stored {
    const %sb = mul(%sx, %sw)
    const %zb = to(zeros_like(%sb)) {dtype: i32}
    if per_channel {
      %bf = dequantize_per_channel(%b, %sb, %zb) {quant_min: -2147483648, quant_max: 2147483647, dtype: i32, axis: 0}   if %b   mark converted
    } else {
      %bf = dequantize_per_tensor(%b, %sb, %zb) {quant_min: -2147483648, quant_max: 2147483647, dtype: i32}   if %b   mark converted
    }
  } else {
    %bf = %b   if %b
  }
  %f = @float_sum:c(%dx, %dw, %bf?) {..$how}   source %y
  %do = dequantize_per_tensor(%o, %so, %zo) {quant_min: -128 if dtype(%o) == i8 else 0 if dtype(%o) == u8 else -32768, quant_max: 127 if dtype(%o) == i8 else 255 if dtype(%o) == u8 else 32767, dtype: dtype(%o)}
  %s = add(%f, %do)
  %y = quantize_per_tensor(%s, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, by_division: true}   mark converted
