# One number for each channel of y, or one for all, on axis 1.
condition is_per_channel(%k, %y) =
  elements(%k) == 1 and rank(%k) <= rank(%y)
  or rank(%k) == rank(%y) and dim(%k, 1) == elements(%k) and dim(%y, 1) == elements(%k)
  or rank(%k) + 1 == rank(%y) and dim(%k, 0) == elements(%k) and dim(%y, 1) == elements(%k)

# conv(x, w, b) * k  ==>  conv(x, w*k, b*k)
#
# A convolution is linear in its weight and bias, and k scales one output channel each. This is what a frozen batch norm is
# written as. k is a constant: what training or the graph
# itself changes is left alone. The weight has no other reader, so that no two convolutions stop sharing theirs.
rule fold_conv_mul
match
  %c = @conv:c(%x, %w, %b?) {..$conv}   one_use
  %y = mul(%c, %k)
where
  is_float(%w), tensor(%w), uses(%w) == 1, not %b or tensor(%b), constant(%k), is_per_channel(%k, %c), dim(%c, 1) > 0,
  rank(%y) == rank(%c), no_spec(..)
rewrite
  const %v  = expand(view(%k) {size: [-1]}) {size: [dim(%c, 1)]}
  const %w2 = mul(%w, channel(%v, %w) {axis: @c.weight_axis, groups: @c.weight_groups})   named %w  kind parameter
  const %b2 = mul(%b, %v)   if %b  named %b  kind parameter
  %y = @c(%x, %w2, %b2?) {..$conv}   source %c

# conv(x, w, b) / k  ==>  conv(x, w/k, b/k)
rule fold_conv_div
match
  %c = @conv:c(%x, %w, %b?) {..$conv}   one_use
  %y = div(%c, %k)
where
  is_float(%w), tensor(%w), uses(%w) == 1, not %b or tensor(%b), constant(%k), is_per_channel(%k, %c), dim(%c, 1) > 0,
  rank(%y) == rank(%c), no_spec(..)
rewrite
  const %v  = expand(view(%k) {size: [-1]}) {size: [dim(%c, 1)]}
  const %w2 = div(%w, channel(%v, %w) {axis: @c.weight_axis, groups: @c.weight_groups})   named %w  kind parameter
  const %b2 = div(%b, %v)   if %b  named %b  kind parameter
  %y = @c(%x, %w2, %b2?) {..$conv}   source %c

# conv(x, w, b) + k  ==>  conv(x, w, b + k)
#
# What is added to each channel is what a bias is.
rule fold_conv_add
match
  %c = @conv:c(%x, %w, %b) {..$conv}   one_use
  %y = add(%c, %k)
where
  tensor(%w), tensor(%b), constant(%k), is_per_channel(%k, %c), dim(%c, 1) > 0, rank(%y) == rank(%c), no_spec(..)
rewrite
  const %v  = expand(view(%k) {size: [-1]}) {size: [dim(%c, 1)]}
  const %b2 = add(%b, %v)   named %b  kind parameter
  %y = @c(%x, %w, %b2) {..$conv}   source %c

# conv(x, w, b) - k  ==>  conv(x, w, b - k)
rule fold_conv_sub
match
  %c = @conv:c(%x, %w, %b) {..$conv}   one_use
  %y = sub(%c, %k)
where
  tensor(%w), tensor(%b), constant(%k), is_per_channel(%k, %c), dim(%c, 1) > 0, rank(%y) == rank(%c), no_spec(..)
rewrite
  const %v  = expand(view(%k) {size: [-1]}) {size: [dim(%c, 1)]}
  const %b2 = sub(%b, %v)   named %b  kind parameter
  %y = @c(%x, %w, %b2) {..$conv}   source %c

# conv(x, w) + k  ==>  conv(x, w, k)
rule fold_conv_add_without_bias
match
  %c = @conv:c(%x, %w) {..$conv}   one_use
  %y = add(%c, %k)
where
  tensor(%w), constant(%k), is_per_channel(%k, %c), dim(%c, 1) > 0, rank(%y) == rank(%c), no_spec(..)
rewrite
  const %v  = expand(view(%k) {size: [-1]}) {size: [dim(%c, 1)]}
  const %b2 = add(zeros_like(%v), %v)   named %w:bias  kind parameter
  %y = @c(%x, %w, %b2) {..$conv}   source %c

# conv(x, w) - k  ==>  conv(x, w, -k)
rule fold_conv_sub_without_bias
match
  %c = @conv:c(%x, %w) {..$conv}   one_use
  %y = sub(%c, %k)
where
  tensor(%w), constant(%k), is_per_channel(%k, %c), dim(%c, 1) > 0, rank(%y) == rank(%c), no_spec(..)
rewrite
  const %v  = expand(view(%k) {size: [-1]}) {size: [dim(%c, 1)]}
  const %b2 = sub(zeros_like(%v), %v)   named %w:bias  kind parameter
  %y = @c(%x, %w, %b2) {..$conv}   source %c

# k - conv(x, w, b)  ==>  conv(x, -w, k - b)
rule fold_conv_subtracted
match
  %c = @conv:c(%x, %w, %b) {..$conv}   one_use
  %y = sub(%k, %c)
where
  is_float(%w), tensor(%w), uses(%w) == 1, tensor(%b), constant(%k), is_per_channel(%k, %c), dim(%c, 1) > 0,
  rank(%y) == rank(%c), no_spec(..)
rewrite
  const %v  = expand(view(%k) {size: [-1]}) {size: [dim(%c, 1)]}
  const %w2 = neg(%w)       named %w  kind parameter
  const %b2 = sub(%v, %b)   named %b  kind parameter
  %y = @c(%x, %w2, %b2) {..$conv}   source %c

# k - conv(x, w)  ==>  conv(x, -w, k)
rule fold_conv_subtracted_without_bias
match
  %c = @conv:c(%x, %w) {..$conv}   one_use
  %y = sub(%k, %c)
where
  is_float(%w), tensor(%w), uses(%w) == 1, constant(%k), is_per_channel(%k, %c), dim(%c, 1) > 0, rank(%y) == rank(%c),
  no_spec(..)
rewrite
  const %v  = expand(view(%k) {size: [-1]}) {size: [dim(%c, 1)]}
  const %w2 = neg(%w)                   named %w  kind parameter
  const %b2 = add(zeros_like(%v), %v)   named %w:bias  kind parameter
  %y = @c(%x, %w2, %b2) {..$conv}   source %c

# -conv(x, w, b)  ==>  conv(x, -w, -b)
rule fold_conv_neg
match
  %c = @conv:c(%x, %w, %b?) {..$conv}   one_use
  %y = neg(%c)
where
  is_float(%w), tensor(%w), uses(%w) == 1, not %b or tensor(%b), no_spec(..)
rewrite
  const %w2 = neg(%w)   named %w  kind parameter
  const %b2 = neg(%b)   if %b  named %b  kind parameter
  %y = @c(%x, %w2, %b2?) {..$conv}   source %c

# slice(x) * k  ==>  slice(x * k),   and so for +, where k is one number for each channel
#
# A slice along another axis than the channels' takes nothing from k. Importing a transposed convolution whose padding is not
# symmetric leaves such slices behind it: the constant goes on to the convolution.
rule constant_before_slice
match
  %s = slice(%x) {dim: $d, ..$cut}   one_use
  %y = add|mul:op(%s, %k)
where
  is_float(%x), constant(%k), is_per_channel(%k, %s), rank(%y) == rank(%s), $d != 1, $d + rank(%x) != 1,
  rank(%x) > 2, no_spec(..)
rewrite
  %z = @op(%x, %k)
  %y = slice(%z) {dim: $d, ..$cut}   source %s


# slice(x) - k  ==>  slice(x - k),   slice(x) / k  ==>  slice(x / k)
rule constant_subtracted_before_slice
match
  %s = slice(%x) {dim: $d, ..$cut}   one_use
  %y = sub|div:op(%s, %k)
where
  is_float(%x), constant(%k), is_per_channel(%k, %s), rank(%y) == rank(%s), $d != 1, $d + rank(%x) != 1,
  rank(%x) > 2, no_spec(..)
rewrite
  %z = @op(%x, %k)
  %y = slice(%z) {dim: $d, ..$cut}   source %s
