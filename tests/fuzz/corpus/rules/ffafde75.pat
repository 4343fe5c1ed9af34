# a batch norm that only gives statistics  ==>  the statistics that it has
#
# The first half of folding the stable training form (qat/stable_conv_bn): folding means freezing, so what the batch norm would have
# made of its statistics, and what it would have normalized with, are the running ones.
rule freeze_stable_conv_bn
match
  context %y0 = @conv|linear(%x, %w, %b?) {drop ..}
  %out0, %m1, %v1, %n1?, %m, %v = batch_norm(%y0, %gamma?, %beta?, %mean, %var, %n?) {eps: $eps, drop ..}
  also context %r1 = bn_scale(_, %v1) {eps: $eps, exact: true}
where
  uses(%out0) == 0, is_float(%w), const(%w), not %b or const(%b), const(%mean), const(%var),
  not %gamma or const(%gamma), not %beta or const(%beta), no_spec(..)
rewrite
  %out0 = %y0
  %m1 = %mean
  %v1 = %var
  %n1? = %n
  %m = %mean
  %v = %var

# conv(x, Q(w*s))*(r/r) + beta - gamma*(m - b)/r  ==>  bn(conv(x, Q(w*s))/s + b),   s = gamma/r
#
# The second half: with frozen statistics the stable form is the approximate one, from which fold_conv_bn goes on. They are equal but
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
  bias? {
    %z = zeros_like(%b)
    qbias? {
      %bi = @q:qb(%z, %sb, %zb) {drop ..}
      %bc = @dq:qb(%bi, %sb, %zb) {drop ..}
    } else {
      %bc = %z
    }
  } else {
    %bc = none
    %b = none
  }
  %c = @conv|linear:c(%x, %wc, %bc) {..$conv}   one_use
  %r = bn_scale(_, %var) {eps: $eps, exact: true}
  %r1 = bn_scale(_, %var) {eps: $eps, exact: true}
  %c2 = mul(%c, channel(div(%r, %r1), %c) {axis: 1, groups: 1})   one_use
  %s = bn_scale(%gamma?, %var) {eps: $eps, exact: true}
  %shift = bn_shift(%b?, %mean, %beta?, %s)
  %out = add(%c2, channel(%shift, %c2) {axis: 1, groups: 1})
where
  const(%w), const(%var), const(%mean), no_spec(..)
rewrite
  %sa = bn_scale(%gamma?, %var) {eps: $eps}
  %wa = mul(%w, channel(%sa, %w) {axis: @c.weight_axis, groups: @c.weight_groups})
  if qweight {
    %wi2 = @q:qw(%wa, %sw, %zw) {..$qw}     source %wi
    %wc2 = @dq:qw(%wi2, %sw, %zw) {..$dqw}  source %wc
  } else {
    %wc2 = %wa
  }
  %c1 = @c(%x, %wc2, %bc?) {..$conv}   edges from %c  source %c
  %d = div(%c1, channel(%sa, %c1) {axis: 1})
  %y = add(%d, channel(%b, %d) {axis: 1}) if %b else %d
  %out = batch_norm(%y, %gamma?, %beta?, %mean, %var) {eps: $eps}
