# bn(conv(x, Q(w*s))/s + b)  ==>  conv(x, Q(w*s'))*(r'/r) + beta - gamma*(m - b)/r,   m, r^2 - eps of conv(x, w) + b
#
# The training form that divides by no scale, so that a channel with gamma = 0 trains (Krishnamoorthi 2018, section 3.2.2;
# PyTorch's slow path). A batch norm of the unquantized convolution updates the statistics first; s' = gamma/r', r' = sqrt(var' + eps),
# is of the running variance that it leaves, m and r are of what it normalized with: in training the batch's, in evaluation the
# running ones, where r'/r is 1. Without Q both sides are the batch norm in exact arithmetic. It is made of the approximate form where that is exact.
rule stable_conv_bn mark training_form
match
  %s = bn_scale(%gamma?, %var) {eps: $eps, exact: true}
  %ws = mul(%w, channel(%s, %w) {axis: @c.weight_axis, groups: @c.weight_groups})
  %c = @conv|linear:c(%x, %ws, %z?) {..$conv}   one_use
  %d = div(%c, channel(%s, %c) {axis: 1, groups: 1})   one_use
  bias? {
    %z = zeros_like(%b)
    %y = add(%d, channel(%b, %d) {axis: 1, groups: 1})   one_use
  } else {
    %z = none
    %b = none
    %y = %d
  }
  %out, %m1?, %v1?, %n1?, %m2?, %v2? = batch_norm(%y, %gamma?, %beta?, %mean, %var, %n?) {eps: $eps, ..$bn}
where
  no_spec(..)
rewrite
  %y0 = @c(%x, %w, %b?) {..$conv}   source %c
  edge %c.x -> %y0.x
  %out0, %mean1, %var1, %n2, %m, %v = batch_norm(%y0, %gamma?, %beta?, %mean, %var, %n?) {eps: $eps, ..$bn}
  %s1 = bn_scale(%gamma?, %var1) {eps: $eps, exact: true}
  %ws1 = mul(%w, channel(%s1, %w) {axis: @c.weight_axis, groups: @c.weight_groups})
  %c1 = @c(%x, %ws1, %z?) {..$conv}   edges from %c  source %c
  %r1 = bn_scale(_, %var1) {eps: $eps, exact: true}
  %r = bn_scale(_, %v) {eps: $eps, exact: true}
  %c2 = mul(%c1, channel(div(%r, %r1), %c1) {axis: 1})
  %shift = bn_shift(%b?, %m, %beta?, bn_scale(%gamma?, %v) {eps: $eps, exact: true})
  %out = add(%c2, channel(%shift, %c2) {axis: 1})
  %m1? = %mean1
  %v1? = %var1
  %n1? = %n2
  %m2? = %m
  %v2? = %v
