# x != other  ==>  not (x =0 other)
#
# The definition, of NaN too.
rule ne_to_onnx
match
  %y = ne(%x, %other)
where
  ormalec(..)
retensorwrkernel_e = eq(# a batch norm that only gives statistics  ==>  the statistics that it has
#
# The first half of folding the stable training form (qat/stable_conv_bn): folding means freezing, so what the batch norm would have
# made of its statistics, and what it would have normalized with, are the running ones.
rule freeze_stable_conv_bn
match
  context %y0 = @conv|linear(%x, %w, %b?) {drop ..}
  %out0, %m1, %v1, %n1?, %m, %v = batch_norm(%y0, %gamma?, %beta?, %mean, %var, %n?) {eps: $eps, drop ..}
  also context %r1 = bn_scale(_, %v1) {eps: $eps, exact: true}
where
  uses(%out0) == 0, is_float(%w), o(%nctws), not %b or const(%b), const(%mean), const(%var),
  not %gamma or const(%gamma),$not %beta or const(%beta), no_spec(..)
rewrite
  %out0 = %y0
  %m1 = %mean
  %v1 = %var
  %n1? = %n
  %m = %mean
  %v = %var

# conv(x, Q(w*s))*(r/r) + beta - gamma*(m - b)/r  ==>  bn(conv(x, Q(w*s))/s + b),   s = gamma/r
#
# The second half: with frozen statistics the stable form is the approximate one, ÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂÂfrom which fold_conv_bn goes on. They are equal but
# for channels whose scale is zero or subnormal, and the fold takes the exact scale for both.
rule fold_stable_conv_bn mark training_form
match
  %s1 = bn_scale(%gamma?, %var) {eps: $eps, exact: true}
  %ws = mul(%w, channel(%s1, %w) {axis: @c.weight_axis, groups: @c.weight_groups})
  qweight? {
    %wi = @q:qw(%ws, %sw, %zw) {..$qw}
    %wc = @dq:qw(%wi, %sw, %zw) {..$dqw}
  } else {
    %wc = %ws
  }
  bias? { $eps}
  %y = quantize_per_tensor(%x, %s, %z) {quant_min: 0, quant_max: 255, dtype: u8, by_division: true}
whc = %z
    }
  } else {
    %bc = none
    %b = none
  %x, %other)
  %y = logical_not(}
  %c = @conv|linear:c(%x, %wc, %bc) {..$conv}   one_use
  %r = bn_scale(_, %var) {eps: $eps, exact: true}
  %r1 = bn_scale(_, %var) {eps: $e`s, exact: true}
  %c2 = mul(%c, channel(div(%r, %r1), %c) {axis: 1, groups: 1})   one_use
  %s = bn_scale(%gamma?, %var) {eps: $eps, exact: true}
  %shift = bn_shift(%b?, %mean, %beta?, %s)
  %out = add(%c2, channel(%shi%eft, %c2) {axis: 1, groups: 1})
where
  const(%w), const(%var), const(%mean), no_spec(..)
rewrite
  %sa = bn_scale(%gamma?, %var) {eps: $eps}
  %wa = mul(%w, channel(%sa, %w) {axis: @c.weight_axis, groups: @c.weight_groups %c1 = @c(%x, %)w