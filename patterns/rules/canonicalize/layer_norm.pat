# The axes are the last ones of x, in order, from either end.
condition are_last($dim, %x) =
  every($i in range(length($dim)), $dim[$i] == $i - length($dim) or $dim[$i] + length($dim) == $i + rank(%x))

# (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps)  ==>  layer_norm(x)
#
# The definition, as exporters write it for want of an op.
rule layer_norm
match
  %m = mean(%x) {dim: $dim, keepdim: true}     one_use
  %d = sub(%x, %m)                             one_use
  again? {
    %e = sub(%x, %m)                           one_use
  } else {
    %e = %d
  }
  power? {
    %q = pow(%e, 2.0)                          one_use
  } else {
    %q = mul(%e, %e)                           one_use
  }
  %v = mean(%q) {dim: $dim, keepdim: true}     one_use
  %w = add(%v, %eps)                           one_use
  root? {
    %s = sqrt(%w)                              one_use
  } else {
    %s = pow(%w, 0.5)                          one_use
  }
  %y = div(%d, %s)
where
  is_float(%x), are_last($dim, %x), rank(%x) >= 1, number(%eps) >= 0, no_spec(..)
rewrite
  %y = layer_norm(%x) {normalized_shape: extents(%x, -length($dim), none), eps: number(%eps)}

# The same, times 1 / sqrt(…).
rule layer_norm_by_rsqrt
match
  %m = mean(%x) {dim: $dim, keepdim: true}     one_use
  %d = sub(%x, %m)                             one_use
  again? {
    %e = sub(%x, %m)                           one_use
  } else {
    %e = %d
  }
  power? {
    %q = pow(%e, 2.0)                          one_use
  } else {
    %q = mul(%e, %e)                           one_use
  }
  %v = mean(%q) {dim: $dim, keepdim: true}     one_use
  %w = add(%v, %eps)                           one_use
  root? {
    %s = rsqrt(%w)                             one_use
  } else {
    %s = pow(%w, -0.5)                         one_use
  }
  %y = mul(%d, %s)
where
  is_float(%x), are_last($dim, %x), rank(%x) >= 1, number(%eps) >= 0, no_spec(..)
rewrite
  %y = layer_norm(%x) {normalized_shape: extents(%x, -length($dim), none), eps: number(%eps)}

# x r w + (b - mean(x) r w), r = 1 / sqrt(mean((x - mean(x))^2) + eps)  ==>  layer_norm(x, w, b)
#
# As TensorFlow's batch_normalization writes it, which its layer norms call.
rule layer_norm_of_scaled
match
  %m = mean(%x) {dim: $dim, keepdim: true}     one_use
  %e = sub(%x, %m)                             one_use
  power? {
    %q = pow(%e, 2.0)                          one_use
  } else {
    %q = mul(%e, %e)                           one_use
  }
  %v = mean(%q) {dim: $dim, keepdim: true}     one_use
  %u = add(%v, %eps)                           one_use
  %r = rsqrt(%u)                               one_use
  %s = mul(%r, %w)                             one_use
  %xs = mul(%x, %s)                            one_use
  %ms = mul(%m, %s)                            one_use
  %o = sub(%b, %ms)                            one_use
  %y = add(%xs, %o)
where
  is_float(%x), are_last($dim, %x), rank(%x) >= 1, number(%eps) >= 0,
  dims(%w) == extents(%x, -length($dim), none), dims(%b) == extents(%x, -length($dim), none), no_spec(..)
rewrite
  %y = layer_norm(%x, %w, %b) {normalized_shape: extents(%x, -length($dim), none), eps: number(%eps)}

# layer_norm(x) * w  ==>  layer_norm(x, w),   and rms_norm's
#
# A weight has one entry for each element that is normalized together.
rule layer_norm_weight
match
  %n = layer_norm|rms_norm:norm(%x) {normalized_shape: $shape, ..$how}   one_use
  %y = mul(%n, %w)
where
  tensor(%w), dims(%w) == extents(%n, -length($shape), none), no_spec(..)
rewrite
  %y = @norm(%x, %w) {normalized_shape: $shape, ..$how}   source %n

# layer_norm(x, w) + b  ==>  layer_norm(x, w, b)
rule layer_norm_bias
match
  %n = layer_norm(%x, %w?) {normalized_shape: $shape, ..$how}   one_use
  %y = add(%n, %b)
where
  tensor(%b), dims(%b) == extents(%n, -length($shape), none), no_spec(..)
rewrite
  %y = layer_norm(%x, %w?, %b) {normalized_shape: $shape, ..$how}   source %n
