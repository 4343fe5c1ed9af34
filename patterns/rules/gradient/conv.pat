# Convolutions. What flows to the bias is the sum over all axes but the channels'.

family @conv_plain = conv1d conv2d conv3d
family @conv_back = conv_transpose1d conv_transpose2d conv_transpose3d

# y[n, o, p] = sum w[o, c, k] x[n, c, s p + d k - pad] + b[o]:  each term's factors get dy times the other one
rule gradient_conv
match
  context %y = @conv_plain(%x, %w, %b?) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}
  %dx, %dw, %db? = gradient(%y, %dy)
rewrite
  %dx = conv_backward_input(%dy, %w, %x) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}
  %dw = conv_backward_weight(%dy, %x, %w) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}
  %db? = sum(%dy) {dim: concat([0], map($i in range(length($stride)), $i + 2))}

# y = conv_transpose(x, w) + b:  dx = conv(dy, w);  dw is that of the convolution that goes from y to x
#
# A transposed convolution is what flows back through a convolution of y with the same weight; so x is its dy. Where output_padding is a stride
# or more, conv(dy, w) has entries that x has not: they are cut off.
rule gradient_conv_transpose
match
  context %y = @conv_back:c(%x, %w, %b?) {stride: $stride, padding: $padding, output_padding: $more, dilation: $dilation, groups: $groups}
  %dx, %dw, %db? = gradient(%y, %dy)
rewrite
  %all = @conv_plain:c(%dy, %w) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}
  %dx = pad(%all) {pad: map($i in range(2 * length($stride)), 0 if $i / 2 * 2 == $i
      else -($more[length($stride) - 1 - $i / 2] / $stride[length($stride) - 1 - $i / 2]))} if some($i in range(length($stride)), $more[$i] >= $stride[$i]) else %all
  %dw = conv_backward_weight(%x, %dy, %w) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}
  %db? = sum(%dy) {dim: concat([0], map($i in range(length($stride)), $i + 2))}

# y is bilinear in dy and w, as the convolution is in its operands:  d(dy) = conv1d(dy2, w),  dw of that convolution
rule gradient_conv_backward_input_1d
match
  context %y = conv_backward_input(%d, %w, %like) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}
  %dd, %dw = gradient(%y, %dy)
where
  length($stride) == 1
rewrite
  %dd = conv1d(%dy, %w) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}
  %dw = conv_backward_weight(%d, %dy, %w) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}

# y is bilinear in dy and x:  d(dy) = conv1d(x, dy2),  dx as of a convolution with the weight dy2
rule gradient_conv_backward_weight_1d
match
  context %y = conv_backward_weight(%d, %x, %like) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}
  %dd, %dx = gradient(%y, %dy)
where
  length($stride) == 1
rewrite
  %dd = conv1d(%x, %dy) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}
  %dx = conv_backward_input(%d, %dy, %x) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}

# y is bilinear in dy and w, as the convolution is in its operands:  d(dy) = conv2d(dy2, w),  dw of that convolution
rule gradient_conv_backward_input_2d
match
  context %y = conv_backward_input(%d, %w, %like) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}
  %dd, %dw = gradient(%y, %dy)
where
  length($stride) == 2
rewrite
  %dd = conv2d(%dy, %w) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}
  %dw = conv_backward_weight(%d, %dy, %w) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}

# y is bilinear in dy and x:  d(dy) = conv2d(x, dy2),  dx as of a convolution with the weight dy2
rule gradient_conv_backward_weight_2d
match
  context %y = conv_backward_weight(%d, %x, %like) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}
  %dd, %dx = gradient(%y, %dy)
where
  length($stride) == 2
rewrite
  %dd = conv2d(%x, %dy) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}
  %dx = conv_backward_input(%d, %dy, %x) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}

# y is bilinear in dy and w, as the convolution is in its operands:  d(dy) = conv3d(dy2, w),  dw of that convolution
rule gradient_conv_backward_input_3d
match
  context %y = conv_backward_input(%d, %w, %like) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}
  %dd, %dw = gradient(%y, %dy)
where
  length($stride) == 3
rewrite
  %dd = conv3d(%dy, %w) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}
  %dw = conv_backward_weight(%d, %dy, %w) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}

# y is bilinear in dy and x:  d(dy) = conv3d(x, dy2),  dx as of a convolution with the weight dy2
rule gradient_conv_backward_weight_3d
match
  context %y = conv_backward_weight(%d, %x, %like) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}
  %dd, %dx = gradient(%y, %dy)
where
  length($stride) == 3
rewrite
  %dd = conv3d(%x, %dy) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}
  %dx = conv_backward_input(%d, %dy, %x) {stride: $stride, padding: $padding, dilation: $dilation, groups: $groups}
