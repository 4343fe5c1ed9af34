# op(integers)  ==>  their value
#
# Shape arithmetic: what shapes, slices and concatenations of known integers give is known. Parameters and buffers are
# left alone: they may change.
rule fold_integers
match
  %y = @any:op(..%xs) {..$how}
where
  is_integer(%y), constant(..%xs), elements(%y) <= 64, elements(%y) >= 0, no_spec(..)
rewrite
  const %y = @op(..%xs) {..$how}

# shape(x)  ==>  its extents, where they are known
rule fold_shape
match
  %y = shape(%x) {start: $start, end: $end}
where
  static_shape(%x), no_spec(..)
rewrite
  const %y = extents(%x, $start, $end)

# shape(x)[i]  ==>  the extent of axis i, where that one is known
rule fold_extent
match
  %s = shape(%x) {start: 0, end: none}
  %y = index_select(%s, %i) {dim: 0}
where
  rank(%x) >= 0, constant(%i), rank(%i) == 0, dim(%x, int(%i)) >= 0, no_spec(..)
rewrite
  const %y = dim(%x, int(%i))

# reshape(x, size)  ==>  view(x)
#
# Where at most one extent of the result is unknown: that one is written -1. `view` is what annotation rules know.
rule view
match
  %y = reshape(%x, %size?) {drop ..}
where
  rank(%y) >= 0, unknown_extents(%y) <= 1, no_spec(..)
rewrite
  %y = view(%x) {size: dims(%y)}
