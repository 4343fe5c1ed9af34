# bn(conv(x, Q(w*s), Q(0))/s + b)  ==>  conv(x, Q(w*t), Q((b - mean)*t + beta)),   t = gamma / sqrt(var + eps)
# bn(conv(x, w, b))                ==>  conv(x, w*t, (b - mean)*t + beta)
#
# A batch norm that uses its running statistics is y*t + (beta - mean*t) per channel, and a convolution is linear in
# its weight and bias. t is the exact scale: where gamma = 0 the folded weight is 0 and the bias beta, although the
# QAT form divides by 1 there. The weight's and the bias's quantization parameters are kept: those of the QAT form
# were made for the folded weight. Parameters made for w itself would not fit w*t, so a weight quantized apart from
# the batch norm stays. What the batch norm would have made of its statistics is dropped: they stay as they are, in
# training too, since folding means freezing them. Factors are multiplied in the order of PyTorch's fuse_conv_bn_weights,
# which has gamma * rsqrt(var + eps): the same floats, so that no weight lands on another integer.
rule fold_conv_bn
match
  qat? {
    %s = bn_scale(%gamma?, %var) {eps: $eps, drop exact}
    %ws = mul(%w, channel(%s, %w) {axis: @c.weight_axis, groups: @c.weight_groups})
    %d = div(%c, channel(%s, %c) {axis: 1, groups: 1})   one_use
    bias? {
      %z = zeros_like(%b)
      %y = add(%d, channel(%b, %d) {axis: 1, groups: 1})   one_use
    } else {
      %y = %d
    }
  } else {
    bias? { %z = %b }
    %ws = %w
    %y = %c
  }
  bias? {
    qbias? {
      %bi = @q:qb(%z, %sb, %zb) {..$qb}
      %bc = @dq:qb(%bi, %sb, %zb) {..$dqb}
    } else {
      %bc = %z
    }
    where const(%b)
  } else {
    %bc = none
    %b = none
  }
  qweight? {
    %wi = @q:qw(%ws, %sw, %zw) {..$qw}
    %wc = @dq:qw(%wi, %sw, %zw) {..$dqw}
    where const(%sw), const(%zw)
  } else {
    %wc = %ws
  }
  %c = @conv|linear:c(%x, %wc, %bc) {..$conv}   one_use
  %out, %m1?, %v1?, %n1?, %m2?, %v2? = batch_norm(%y, %gamma?, %beta?, %mean, %var, %n?) {eps: $eps, drop ..}
where
  is_float(%w), const(%w), const(%mean), const(%var),
  not %gamma or const(%gamma), not %beta or const(%beta),
  not (@c in linear) or rank(%y) == 2,
  qat or not qweight, qat or not qbias, not is_dequantized(%w), not is_dequantized(%b?),
  no_spec(..)
rewrite
  const %e  = $eps: f64
  const %r  = rsqrt(add(%var, to(%e) {dtype: dtype(%var)}))
  const %t  = mul(%r, %gamma) if %gamma else %r
  const %zeros  = zeros_like(%mean)
  const %g  = %gamma if %gamma else exp(%zeros)
  const %b2 = bn_shift(bn_shift(%b?, %mean, _, %r), %zeros, %beta?, %g)   named %b if bias else %w:bias  kind parameter
  if qweight and qbias { # fit-derived may still raise the weight's scale
    const %wf = mul(%w, channel(%t, %w) {axis: @c.weight_axis, groups: @c.weight_groups})   named %w  kind parameter
    %wi3 = @q:qw(%wf, %sw, %zw) {..$qw}     source %wi  mark converted
    %wc2 = @dq:qw(%wi3, %sw, %zw) {..$dqw}  source %wc  mark converted
  } else {
  if qweight {
    const %wi2 = @q:qw(mul(%w, channel(%t, %w) {axis: @c.weight_axis, groups: @c.weight_groups}), %sw, %zw) {..$qw}
      named %w  kind constant
    %wc2 = @dq:qw(%wi2, %sw, %zw) {..$dqw}  source %wc  mark converted
  } else {
    const %wc2 = mul(%w, channel(%t, %w) {axis: @c.weight_axis, groups: @c.weight_groups})   named %w  kind parameter
  }
  }
  if qbias {
    %bi2 = @q:qb(%b2, %sb, %zb) {..$qb}     source %bi  mark converted
    %bc2 = @dq:qb(%bi2, %sb, %zb) {..$dqb}  source %bc  mark converted
  } else {
    %bc2 = %b2
  }
  if qat { } else {
    warn "a batch norm in training mode is folded with the statistics that it has: to-eval first, where that is meant" if training(%out)
  }
  %out = @c(%x, %wc2, %bc2) {..$conv}   edges from %c  source %c
  %m1? = %mean
  %v1? = %var
  %n1? = %n?
  %m2? = %mean
  %v2? = %var
