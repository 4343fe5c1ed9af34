# bn(conv(x, w) + b)  ==>  bn(conv(x, Q(w*s))/s + b),   s = gamma / sqrt(var + eps)
#
# Training sees the weight as it will be after folding: w*s is what gets quantized. Without Q the two sides are equal,
# since a convolution is linear in its weight and s scales one output channel each; the bias goes round the division.
# bn_scale is 1 where s is zero or subnormal, so a channel with gamma = 0 stays finite. The statistics are those before
# this step's update. Only a convolution whose weight is annotated and whose result is not, nor as what the batch norm
# reads: one annotated apart from its batch norm must not get a fake-quant on the rescaled result. What fold_conv_bn
# could not fold after training (a weight that is computed from an input, or dequantized) keeps its form.
rule fuse_conv_bn_qat mark training_form
match
  %y = @conv|linear:c(%x, %w, %b?) {..$conv}   one_use
  %out, %m1?, %v1?, %n1?, %m2?, %v2? = batch_norm(%y, %gamma?, %beta?, %mean, %var, %n?) {eps: $eps, ..$bn}
where
  is_float(%w), has_spec(%y.weight), no_spec(%y, %out.x),
  const(%w), not is_dequantized(%w), not %b or const(%b), not is_dequantized(%b?),
  const(%mean), const(%var), not %gamma or const(%gamma), not %beta or const(%beta),
  not (@c in linear) or rank(%y) == 2
rewrite
  %s  = bn_scale(%gamma?, %var) {eps: $eps}
  %ws = mul(%w, channel(%s, %w) {axis: @c.weight_axis, groups: @c.weight_groups})
  %z  = zeros_like(%b) if %b
  %y1 = @c(%x, %ws, %z?) {..$conv}   edges from %y  source %y
  %y2 = div(%y1, channel(%s, %y1) {axis: 1})
  %y3 = add(%y2, channel(%b, %y2) {axis: 1}) if %b else %y2
  %out, %m1?, %v1?, %n1?, %m2?, %v2? = batch_norm(%y3, %gamma?, %beta?, %mean, %var, %n?) {eps: $eps, ..$bn}   edges from %out
