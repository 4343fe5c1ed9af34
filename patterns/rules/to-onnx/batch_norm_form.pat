# What the training form of convolution and batch norm computes scales and shifts with.

# bn_scale(w, var)  ==>  w / sqrt(var + eps),   exact
#
# The definition.
rule exact_bn_scale_to_onnx
match
  %y = bn_scale(%w?, %var) {eps: $eps, exact: true}
where
  is_float(%var), no_spec(..)
rewrite
  const %given = $eps: f64
  const %e = to(%given) {dtype: dtype(%var)}
  %v = add(%var, %e)
  %r = sqrt(%v)
  %s = div(%w, %r) if %w else reciprocal(%r)
  %y = %s

# bn_scale(w, var)  ==>  w / sqrt(var + eps), or 1 where that is 0 or subnormal
#
# The definition.
rule bn_scale_to_onnx
match
  %y = bn_scale(%w?, %var) {eps: $eps, exact: false}
where
  dtype(%var) == f32, no_spec(..)
rewrite
  %s = bn_scale(%w?, %var) {eps: $eps, exact: true}
  %a = abs(%s)
  %small = lt(%a, 1.1754943508222875e-38)
  %y = where(%small, 1.0: f32, %s)

# bn_shift(c, mean, b, s)  ==>  (c - mean) s + b
#
# The definition.
rule bn_shift_to_onnx
match
  %y = bn_shift(%c?, %mean, %b?, %s)
where
  is_float(%s), no_spec(..)
rewrite
  %d = sub(%c, %mean) if %c else neg(%mean)
  %p = mul(%d, %s)
  %t = add(%p, %b) if %b else %p
  %y = %t

# channel(x, like)  ==>  view(x)
#
# A vector along an axis, with extents of 1 elsewhere.
rule channel_to_onnx
match
  %y = channel(%x, %like) {axis: $axis, groups: 1}
where
  rank(%like) > 0, no_spec(..)
rewrite
  drop %like
  %y = view(%x) {size: map($i in range(rank(%like)), -1 if $i == $axis or $i == $axis + rank(%like) else 1)}

# channel(x, like)  ==>  the part of each group, as often as it has rows
#
# Entry g (n / groups) + j belongs to column j of the g-th part of axis 0.
rule channel_of_groups_to_onnx
match
  %y = channel(%x, %like) {axis: $axis, groups: $groups}
where
  $groups > 1, $axis == 1 or $axis == 1 - rank(%like), dim(%like, 0) > 0, dim(%x, 0) > 0, no_spec(..)
rewrite
  drop %like
  %v = view(%x) {size: [$groups, 1, dim(%x, 0) / $groups]}
  %e = expand(%v) {size: [$groups, dim(%like, 0) / $groups, dim(%x, 0) / $groups]}
  %y = view(%e) {size: concat([dim(%like, 0), dim(%x, 0) / $groups], map($i in range(rank(%like) - 2), 1))}
