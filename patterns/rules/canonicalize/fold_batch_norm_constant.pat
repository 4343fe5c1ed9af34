# One number for each channel of y, or one for all, on axis 1.
condition is_per_channel(%k, %y) =
  elements(%k) == 1 and rank(%k) <= rank(%y)
  or rank(%k) == rank(%y) and dim(%k, 1) == elements(%k) and dim(%y, 1) == elements(%k)
  or rank(%k) + 1 == rank(%y) and dim(%k, 0) == elements(%k) and dim(%y, 1) == elements(%k)

# batch_norm(x, w, b) * k  ==>  batch_norm(x, w*k, b*k)
#
# Weight and bias are what a batch norm does to each channel at last: what is a constant for each channel goes into them, and
# with them into a convolution. Nobody else reads the two; in training the statistics are updated, and its
# results would be computed twice.
rule fold_batch_norm_mul
match
  %n = batch_norm(%x, %w, %b, %mean?, %var?, %count?) {training: false, ..$how}   one_use
  %y = mul(%n, %k)
where
  is_float(%w), tensor(%w), tensor(%b), uses(%w) == 1, uses(%b) == 1, constant(%k), is_per_channel(%k, %n), dim(%n, 1) > 0,
  rank(%y) == rank(%n), no_spec(..)
rewrite
  const %v  = expand(view(%k) {size: [-1]}) {size: [dim(%n, 1)]}
  const %w2 = mul(%w, %v)   named %w  kind parameter
  const %b2 = mul(%b, %v)   named %b  kind parameter
  %y = batch_norm(%x, %w2, %b2, %mean?, %var?, %count?) {training: false, ..$how}   source %n

# batch_norm(x, w, b) / k  ==>  batch_norm(x, w/k, b/k)
rule fold_batch_norm_div
match
  %n = batch_norm(%x, %w, %b, %mean?, %var?, %count?) {training: false, ..$how}   one_use
  %y = div(%n, %k)
where
  is_float(%w), tensor(%w), tensor(%b), uses(%w) == 1, uses(%b) == 1, constant(%k), is_per_channel(%k, %n), dim(%n, 1) > 0,
  rank(%y) == rank(%n), no_spec(..)
rewrite
  const %v  = expand(view(%k) {size: [-1]}) {size: [dim(%n, 1)]}
  const %w2 = div(%w, %v)   named %w  kind parameter
  const %b2 = div(%b, %v)   named %b  kind parameter
  %y = batch_norm(%x, %w2, %b2, %mean?, %var?, %count?) {training: false, ..$how}   source %n

# batch_norm(x, w, b) + k  ==>  batch_norm(x, w, b + k)
rule fold_batch_norm_add
match
  %n = batch_norm(%x, %w, %b, %mean?, %var?, %count?) {training: false, ..$how}   one_use
  %y = add(%n, %k)
where
  is_float(%w), tensor(%w), tensor(%b), uses(%b) == 1, constant(%k), is_per_channel(%k, %n), dim(%n, 1) > 0,
  rank(%y) == rank(%n), no_spec(..)
rewrite
  const %v  = expand(view(%k) {size: [-1]}) {size: [dim(%n, 1)]}
  const %b2 = add(%b, %v)   named %b  kind parameter
  %y = batch_norm(%x, %w, %b2, %mean?, %var?, %count?) {training: false, ..$how}   source %n

# batch_norm(x, w, b) - k  ==>  batch_norm(x, w, b - k)
rule fold_batch_norm_sub
match
  %n = batch_norm(%x, %w, %b, %mean?, %var?, %count?) {training: false, ..$how}   one_use
  %y = sub(%n, %k)
where
  is_float(%w), tensor(%w), tensor(%b), uses(%b) == 1, constant(%k), is_per_channel(%k, %n), dim(%n, 1) > 0,
  rank(%y) == rank(%n), no_spec(..)
rewrite
  const %v  = expand(view(%k) {size: [-1]}) {size: [dim(%n, 1)]}
  const %b2 = sub(%b, %v)   named %b  kind parameter
  %y = batch_norm(%x, %w, %b2, %mean?, %var?, %count?) {training: false, ..$how}   source %n
