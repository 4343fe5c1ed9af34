# shape(x)  ==>  its extents, where they are known
#
# What shape() gives is nothing but the type's extents.
rule fold_shape
match
  %y = shape(%x) {start: $start, end: $end}
where
  static_shape(%x), no_spec(..)
rewrite
  const %y = extents(%x, $start, $end)

# shape(x)[i]  ==>  the extent of axis i, where that one is known
#
# The others need not be.
rule fold_extent
match
  %s = shape(%x) {start: 0, end: none}
  %y = index_select(%s, %i) {dim: 0}
where
  rank(%x) >= 0, constant(%i), rank(%i) == 0, dim(%x, int(%i)) >= 0, no_spec(..)
rewrite
  const %y = dim(%x, int(%i))
