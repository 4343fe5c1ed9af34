# One number for each channel of y, on axis 1.
condition is_for_channels(%k, %y) =
  dim(%y, 1) == elements(%k) and (rank(%k) == rank(%y) and dim(%k, 1) == elements(%k)
                                  or rank(%k) + 1 == rank(%y) and dim(%k, 0) == elements(%k))

# (x - mean) / sqrt(var + eps)  ==>  batch_norm(x)
#
# The definition, with statistics that are stored. What is behind a convolution is folded with it as a batch norm, not number by
# number. A scale that is computed at once, weight / sqrt(var + eps), is left alone: frozen batch norms are written so, and
# none of the passes that train may take them for others.
rule batch_norm
match
  mean_viewed? {
    %mv = view(%mean) {drop size}
    where rank(%mean) == 1, tensor(%mean)
  } else {
    where constant(%mv)
  }
  var_viewed? {
    %vv = view(%var) {drop size}
    where rank(%var) == 1, tensor(%var)
  } else {
    where constant(%vv)
  }
  %d = sub(%x, %mv)     one_use
  %w = add(%vv, %eps)
  %s = sqrt(%w)
  %y = div(%d, %s)
where
  is_float(%x), is_for_channels(%mv, %x), is_for_channels(%vv, %x), rank(%y) == rank(%x), number(%eps) >= 0, no_spec(..)
rewrite
  if mean_viewed {
    const %m = view(%mv) {size: [-1]}   named %mean  kind buffer
  } else {
    const %m = view(%mv) {size: [-1]}   named %mv  kind buffer
  }
  if var_viewed {
    const %v = view(%vv) {size: [-1]}   named %var  kind buffer
  } else {
    const %v = view(%vv) {size: [-1]}   named %vv  kind buffer
  }
  %y = batch_norm(%x, _, _, %m, %v) {eps: number(%eps)}

# batch_norm(x) * w  ==>  batch_norm(x, w)
rule batch_norm_weight
match
  %n = batch_norm(%x, _, _, %mean, %var) {..$how}   one_use
  viewed? {
    %k = view(%w) {drop size}
    where rank(%w) == 1, tensor(%w)
  } else {
    where constant(%k)
  }
  %y = mul(%n, %k)
where
  is_for_channels(%k, %n), rank(%y) == rank(%n), no_spec(..)
rewrite
  if viewed {
    const %g = view(%k) {size: [-1]}   named %w  kind parameter
  } else {
    const %g = view(%k) {size: [-1]}   named %k  kind parameter
  }
  %y = batch_norm(%x, %g, _, %mean, %var) {..$how}   source %n

# batch_norm(x, w) + b  ==>  batch_norm(x, w, b)
rule batch_norm_bias
match
  %n = batch_norm(%x, %w?, _, %mean, %var) {..$how}   one_use
  viewed? {
    %k = view(%b) {drop size}
    where rank(%b) == 1, tensor(%b)
  } else {
    where constant(%k)
  }
  %y = add(%n, %k)
where
  is_for_channels(%k, %n), rank(%y) == rank(%n), no_spec(..)
rewrite
  if viewed {
    const %h = view(%k) {size: [-1]}   named %b  kind parameter
  } else {
    const %h = view(%k) {size: [-1]}   named %k  kind parameter
  }
  %y = batch_norm(%x, %w?, %h, %mean, %var) {..$how}   source %n
