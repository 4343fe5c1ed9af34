# A convolution of i32 whose operands are integers of 8 bits less their zero points is ONNX's ConvInteger; it has no other of integers.

# conv(x, w, b)  ==>  conv(x, w) + b   of i32
#
# The definition.
rule bias_of_integer_conv
match
  %y = conv1d|conv2d|conv3d:c(%x, %w, %b) {..$how}
where
  dtype(%x) == i32, no_spec(..)
rewrite
  %c = @c(%x, %w) {..$how}   source %y
  %v = view(%b) {size: concat([-1], map($i in range(rank(%w) - 2), 1))}
  %y = add(%c, %v)

# conv(x - zx, w - zw)  ==>  ConvInteger
#
# Its definition. onnxruntime knows one zero point for all of the weight, so that none is written where all are 0.
rule conv_integer
match
  %xi = to(%x) {dtype: i32}
  %wi = to(%w) {dtype: i32}
  shifted? {
    %xs = sub(%xi, %zx)
    where constant(%zx)
  } else {
    %xs = %xi
  }
  weight_shifted? {
    per_channel? {
      %zc = channel(%zw, %wi) {drop axis, drop groups}
    } else {
      %zc = %zw
    }
    %ws = sub(%wi, %zc)
    symmetric? {
      where all(%zw, 0)
    }
    where constant(%zw)
  } else {
    %ws = %wi
  }
  %y = conv1d|conv2d|conv3d(%xs, %ws) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}
where
  dtype(%x) == i8 or dtype(%x) == u8, dtype(%w) == i8 or dtype(%w) == u8, no_spec(..)
rewrite
  if shifted {
    const %zx8 = to(%zx) {dtype: dtype(%x)}
  } else {
    const %none = 0: i32
    const %zx8 = to(%none) {dtype: dtype(%x)}
  }
  if weight_shifted {
    if symmetric {
      %y = "onnx.ConvInteger"(%x, %w, %zx8) {dilations: $dilation, group: $groups, kernel_shape: extents(%w, 2, none), pads: concat($padding, $padding), strides: $stride}
    } else {
      const %zw8 = to(%zw) {dtype: dtype(%w)}
      %y = "onnx.ConvInteger"(%x, %w, %zx8, %zw8) {dilations: $dilation, group: $groups, kernel_shape: extents(%w, 2, none), pads: concat($padding, $padding), strides: $stride}
    }
  } else {
    %y = "onnx.ConvInteger"(%x, %w, %zx8) {dilations: $dilation, group: $groups, kernel_shape: extents(%w, 2, none), pads: concat($padding, $padding), strides: $stride}
  }
