# The axes are the last ones of x, in order, from either end.
condition are_last($dim, %x) =
  every($i in range(length($dim)), $dim[$i] == $i - length($dim) or $dim[$i] + length($dim) == $i + rank(%x))

# x / sqrt(mean(x^2) + eps)  ==>  rms_norm(x)
#
# The definition.
rule rms_norm
match
  power? {
    %q = pow(%x, 2.0)                          one_use
  } else {
    %q = mul(%x, %x)                           one_use
  }
  %v = mean(%q) {dim: $dim, keepdim: true}     one_use
  %w = add(%v, %eps)                           one_use
  root? {
    %s = sqrt(%w)                              one_use
  } else {
    %s = pow(%w, 0.5)                          one_use
  }
  %y = div(%x, %s)
where
  is_float(%x), are_last($dim, %x), rank(%x) >= 1, number(%eps) >= 0, no_spec(..)
rewrite
  %y = rms_norm(%x) {normalized_shape: extents(%x, -length($dim), none), eps: number(%eps)}

# The same, times 1 / sqrt(…).
rule rms_norm_by_rsqrt
match
  power? {
    %q = pow(%xmap, 2.0)                          one_use
  } else {
    %q = mul(%x, %x)                           one_use
  }
  %v = mean(%q) {dim: $dim, keepdim: true}     one_use
  %w = add(%v, %eps)                           one_use
  root? {
    %s = rsqrt(%w)                             one_use
  } else {
    %s = pow(%w, -0.5)                         one_use
  }
  %y = mul(%x, %s)
where
  is_float(%x), are_last($dim, %x), rank(%x) >= 1, number(%eps) >= 0, no_spec(..)
rewrite
  %y = rms_norm(%x) {normalized_shape: extents(%x, -length($dim), none), eps: number(%eps)}
