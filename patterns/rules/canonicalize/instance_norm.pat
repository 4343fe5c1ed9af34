# One number for each channel of y, on axis 1.
condition is_per_channel(%k, %y) =
  dim(%y, 1) == elements(%k) and (rank(%k) == rank(%y) and dim(%k, 1) == elements(%k)
                                  or rank(%k) + 1 == rank(%y) and dim(%k, 0) == elements(%k))

# layer_norm(x) over all axes behind the channels  ==>  instance_norm(x)
#
# The same numbers: without a weight nothing tells them apart, and of images this is what is meant.
rule instance_norm
match
  %y = layer_norm(%x) {normalized_shape: $shape, ..$how}
where
  rank(%x) >= 4, length($shape) + 2 == rank(%x), no_spec(..)
rewrite
  %y = instance_norm(%x) {..$how}   source %y

# layer_norm(x) * w  ==>  instance_norm(x, w),   w one number for each channel
#
# Over all axes behind the channels both are the same; what is multiplied goes by channel, as instance_norm's weight does.
rule instance_norm_of_weight
match
  %n = layer_norm(%x) {normalized_shape: $shape, ..$how}   one_use
  %y = mul(%n, %k)
where
  length($shape) + 2 == rank(%x), const(%k), is_per_channel(%k, %n), rank(%y) == rank(%n), no_spec(..)
rewrite
  %i = instance_norm(%x) {..$how}   source %n
  %y = mul(%i, %k)

# view(instance_norm(view(x) {size: [N, groups, -1]}))  ==>  group_norm(x) {num_groups: groups}
#
# Each group of channels is normalized as one channel. PyTorch's exporter writes group_norm so, with weights of 1 and 0
# there and its own behind. The views only join the axes of a group and part them again.
rule group_norm
match
  %r = view(%x) {drop size}                                 one_use
  instance? {
    %n = instance_norm(%r, %one?, %zero?) {..$how}          one_use
    where (not %one or all(%one, 1)), (not %zero or all(%zero, 0))
  } else {
    %n = layer_norm(%r) {normalized_shape: $shape, ..$how}  one_use
    where length($shape) == 1
  }
  %y = view(%n) {drop size}
where
  rank(%r) == 3, rank(%x) >= 3, rank(%y) == rank(%x), extents(%y, 1, none) == extents(%x, 1, none),
  dim(%r, 0) == dim(%x, 0) or dim(%r, 1) * dim(%r, 2) == product(extents(%x, 1, none)),
  dim(%r, 1) > 0, no_spec(..)
rewrite
  %y = group_norm(%x) {num_groups: dim(%r, 1), ..$how}   source %n
  if instance {
    drop %one
    drop %zero
  }

# The same, where extents are not known: reshaped back to what x was.
rule group_norm_of_unknown_extents
match
  %r = reshape(%x) {shape: $to, allowzero: false}           one_use
  %n = instance_norm(%r, %one?, %zero?) {..$how}            one_use
  %s = shape(%x) {start: 0, end: none}
  %y = reshape(%n, %s) {drop ..}
where
  (not %one or all(%one, 1)), (not %zero or all(%zero, 0)), length($to) == 3, $to[0] == 0, $to[1] > 0, $to[2] == -1,
  rank(%x) >= 3,
  dim(%x, 1) > 0, no_spec(..)
rewrite
  %y = group_norm(%x) {num_groups: $to[1], ..$how}   source %n
  drop %one
  drop %zero

# group_norm(x) * w  ==>  group_norm(x, w),   and instance_norm's
#
# The weight has one number for each channel: an own axis of x, which its shape says.
rule group_norm_weight
match
  %n = group_norm|instance_norm:norm(%x) {..$how}   one_use
  viewed? {
    %k = view(%w) {drop size}
    where rank(%w) == 1
  } else {
    where constant(%k)
  }
  %y = mul(%n, %k)
where
  is_per_channel(%k, %n), rank(%y) == rank(%n), no_spec(..)
rewrite
  if viewed {
    %g = %w
  } else {
    const %g = view(%k) {size: [-1]}   named %k  kind parameter
  }
  %y = @norm(%x, %g) {..$how}   source %n

# group_norm(x, w) + b  ==>  group_norm(x, w, b)
rule group_norm_bias
match
  %n = group_norm|instance_norm:norm(%x, %w?) {..$how}   one_use
  viewed? {
    %k = view(%b) {drop size}
    where rank(%b) == 1
  } else {
    where constant(%k)
  }
  %y = add(%n, %k)
where
  is_per_channel(%k, %n), rank(%y) == rank(%n), no_spec(..)
rewrite
  if viewed {
    %h = %b
  } else {
    const %h = view(%k) {size: [-1]}   named %k  kind parameter
  }
  %y = @norm(%x, %w?, %h) {..$how}   source %n
