condition is_activation(%x) = dtype(%x) == i8 or dtype(%x) == u8 or dtype(%x) == i16

# Q(relu(bn(DQ(x))))  ==>  conv_relu(x, w, b)   with a group and a weight of one element for each channel
#
# A batch norm that uses its running statistics is x t + b per channel, t = gamma / sqrt(var + eps), b = beta - mean t: a
# convolution whose weight is 64 or -64 in steps of |t| / 64, which is exact. Sums have steps of x's times the weight's, and so has b where
# it becomes an integer (ONNX's operators, fixed point): of a weight of 1 they would be as long as x's own. They are as long as an i32 bias
# needs where t is nothing beside b; where t is 0 or no normal number, the weight is 0.
rule lower_batch_norm
match
  relu? {
    %r = relu(%n)   one_use
  } else {
    %r = %n
  }
  %dx = dequantize_per_tensor(%x, %sx, %zx) {drop ..}
  %n = batch_norm(%dx, %gamma?, %beta?, %mean, %var, %count?) {training: false, eps: $eps, drop ..}   one_use
  %y = quantize_per_tensor(%r, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, drop by_division}
where
  rank(%x) == 4, is_activation(%x), is_activation(%y), dim(%mean, 0) > 0, no_spec(..)
rewrite
  drop %count
  const %t = bn_scale(%gamma?, %var) {eps: $eps, exact: true}
  const %b = bn_shift(_, %mean, %beta?, %t)    named %mean:bias   kind parameter
  const %least = div(abs(%b), mul(%sx, 1073741824.0)) if constant(%sx) else zeros_like(%b)
  const %s = maximum(maximum(div(abs(bn_scale(%gamma?, %var) {eps: $eps}), 64.0), %least), 1.1754944e-38)
  const %w = view(to(round(div(%t, %s))) {dtype: i8}) {size: [dim(%mean, 0), 1, 1, 1]}   named %mean:weight
  const %z = to(mul(%s, 0)) {dtype: i32}
  if relu {
    %y = quantized.conv2d_relu(%x, %w, %b, %sx, %zx, %s, %z, %sy, %zy) {groups: dim(%mean, 0), quant_min: $min, quant_max: $max, dtype: $dtype}   source %n
  } else {
    %y = quantized.conv2d(%x, %w, %b, %sx, %zx, %s, %z, %sy, %zy) {groups: dim(%mean, 0), quant_min: $min, quant_max: $max, dtype: $dtype}   source %n
  }

# Q(relu(bn(DQ(x))))  ==>  view(conv_relu(view(x), w, b))   of x that is no image
#
# The same of any shape [n, c, ..]: all behind the channels is one axis of an image.
rule lower_batch_norm_of_any_shape
match
  relu? {
    %r = relu(%n)   one_use
  } else {
    %r = %n
  }
  %dx = dequantize_per_tensor(%x, %sx, %zx) {drop ..}
  %n = batch_norm(%dx, %gamma?, %beta?, %mean, %var, %count?) {training: false, eps: $eps, drop ..}   one_use
  %y = quantize_per_tensor(%r, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, drop by_division}
where
  rank(%x) == 2 or rank(%x) == 3 or rank(%x) > 4, every($e in extents(%x, 1, none), $e > 0), is_activation(%x), is_activation(%y), dim(%mean, 0) > 0,
  no_spec(..)
rewrite
  drop %count
  const %t = bn_scale(%gamma?, %var) {eps: $eps, exact: true}
  const %b = bn_shift(_, %mean, %beta?, %t)    named %mean:bias   kind parameter
  const %least = div(abs(%b), mul(%sx, 1073741824.0)) if constant(%sx) else zeros_like(%b)
  const %s = maximum(maximum(div(abs(bn_scale(%gamma?, %var) {eps: $eps}), 64.0), %least), 1.1754944e-38)
  const %w = view(to(round(div(%t, %s))) {dtype: i8}) {size: [dim(%mean, 0), 1, 1, 1]}   named %mean:weight
  const %z = to(mul(%s, 0)) {dtype: i32}
  %image = view(%x) {size: [-1, dim(%mean, 0), product(extents(%x, 2, none)), 1]}
  if relu {
    %c = quantized.conv2d_relu(%image, %w, %b, %sx, %zx, %s, %z, %sy, %zy) {groups: dim(%mean, 0), quant_min: $min, quant_max: $max, dtype: $dtype}   source %n
  } else {
    %c = quantized.conv2d(%image, %w, %b, %sx, %zx, %s, %z, %sy, %zy) {groups: dim(%mean, 0), quant_min: $min, quant_max: $max, dtype: $dtype}   source %n
  }
  %y = view(%c) {size: concat([-1], extents(%x, 1, none))}
