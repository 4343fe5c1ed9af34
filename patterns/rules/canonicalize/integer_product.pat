# Products that dynamic quantization writes in integers, with what makes floats of them. As products of dequantized operands
# they are layers to quantizers, whose operands have their parameters. The scales go into the sum, which floats round and
# integers do not.

condition is_byte(%x) = dtype(%x) == i8 or dtype(%x) == u8
condition is_scale_of_all(%s, %z) = rank(%s) == 0 and rank(%z) == 0 and dtype(%s) == f32
condition is_scale_of_each(%s, %z, $n) = rank(%s) == 1 and rank(%z) == 1 and dim(%s, 0) == $n and dim(%z, 0) == $n and dtype(%s) == f32

# to_f32(sum (q - zq) (w - zw)) * (sq sw) + b  ==>  linear(dq(q, sq, zq), dq(w^T, sw, zw), b)
#
# The scale of q is one number, that of w one or one for each column.
rule linear_from_integers_add
match
  %qi = to(%q) {dtype: i32}
  %a = sub(%qi, %zq)
  %wi = to(%w) {dtype: i32}
  %b = sub(%wi, %zw)
  %m = matmul(%a, %b)         one_use
  %f = to(%m) {dtype: f32}    one_use
  %s = mul(%sq, %sw)
  %p = mul(%f, %s)            one_use
  %y = add(%p, %bias)
where
  is_byte(%q), is_byte(%w), rank(%q) >= 1, rank(%w) == 2, constant(%w), constant(%sw), constant(%zw),
  is_scale_of_all(%sq, %zq), is_scale_of_all(%sw, %zw) or is_scale_of_each(%sw, %zw, dim(%w, 1)),
  tensor(%bias), rank(%bias) == 1, dim(%bias, 0) == dim(%w, 1), no_spec(..)
rewrite
  const %z = %zw
  const %wt = transpose(%w) {dim0: 0, dim1: 1}   named %w
  %dq = dequantize_per_tensor(%q, %sq, %zq) {dtype: dtype(%q), quant_min: -128 if dtype(%q) == i8 else 0, quant_max: 127 if dtype(%q) == i8 else 255}
  %dw = dequantize_per_tensor(%wt, %sw, %z) {dtype: dtype(%w), quant_min: -128 if dtype(%w) == i8 else 0, quant_max: 127 if dtype(%w) == i8 else 255} if rank(%sw) == 0 else dequantize_per_channel(%wt, %sw, %z) {dtype: dtype(%w), quant_min: -128 if dtype(%w) == i8 else 0, quant_max: 127 if dtype(%w) == i8 else 255, axis: 0}
  %y = linear(%dq, %dw, %bias)   source %m

# to_f32(sum (q - zq) (w - zw)) * (sq sw)  ==>  linear(dq(q, sq, zq), dq(w^T, sw, zw))
#
# The same without a bias.
rule linear_from_integers
match
  %qi = to(%q) {dtype: i32}
  %a = sub(%qi, %zq)
  %wi = to(%w) {dtype: i32}
  %b = sub(%wi, %zw)
  %m = matmul(%a, %b)         one_use
  %f = to(%m) {dtype: f32}    one_use
  %s = mul(%sq, %sw)
  %y = mul(%f, %s)
where
  is_byte(%q), is_byte(%w), rank(%q) >= 1, rank(%w) == 2, constant(%w), constant(%sw), constant(%zw),
  is_scale_of_all(%sq, %zq), is_scale_of_all(%sw, %zw) or is_scale_of_each(%sw, %zw, dim(%w, 1)), no_spec(..)
rewrite
  const %z = %zw
  const %wt = transpose(%w) {dim0: 0, dim1: 1}   named %w
  %dq = dequantize_per_tensor(%q, %sq, %zq) {dtype: dtype(%q), quant_min: -128 if dtype(%q) == i8 else 0, quant_max: 127 if dtype(%q) == i8 else 255}
  %dw = dequantize_per_tensor(%wt, %sw, %z) {dtype: dtype(%w), quant_min: -128 if dtype(%w) == i8 else 0, quant_max: 127 if dtype(%w) == i8 else 255} if rank(%sw) == 0 else dequantize_per_channel(%wt, %sw, %z) {dtype: dtype(%w), quant_min: -128 if dtype(%w) == i8 else 0, quant_max: 127 if dtype(%w) == i8 else 255, axis: 0}
  %y = linear(%dq, %dw)   source %m

# to_f32(conv(q - zq, w - zw)) * (sq sw)  ==>  conv(dq(q, sq, zq), dq(w, sw, zw))
#
# Padding is zeros in both. Scales are of all of q and of all of w, as onnxruntime writes them.
rule conv_from_integers
match
  %qi = to(%q) {dtype: i32}
  %a = sub(%qi, %zq)
  %wi = to(%w) {dtype: i32}
  %b = sub(%wi, %zw)
  %m = conv1d|conv2d|conv3d:c(%a, %b) {..$rest}   one_use
  %f = to(%m) {dtype: f32}    one_use
  %s = mul(%sq, %sw)
  %y = mul(%f, %s)
where
  is_byte(%q), is_byte(%w), constant(%w), constant(%sw), constant(%zw), is_scale_of_all(%sq, %zq),
  is_scale_of_all(%sw, %zw), no_spec(..)
rewrite
  const %z = %zw
  %dq = dequantize_per_tensor(%q, %sq, %zq) {dtype: dtype(%q), quant_min: -128 if dtype(%q) == i8 else 0, quant_max: 127 if dtype(%q) == i8 else 255}
  %dw = dequantize_per_tensor(%w, %sw, %z) {dtype: dtype(%w), quant_min: -128 if dtype(%w) == i8 else 0, quant_max: 127 if dtype(%w) == i8 else 255}
  %y = @c(%dq, %dw) {..$rest}   source %m
