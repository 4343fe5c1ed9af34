# roll(x) along one axis  ==>  cat(the entries from n - shift on, those before)
#
# Entries that leave at the end come in front.
rule roll_to_onnx
match
  %y = roll(%x) {shifts: $shifts, dims: $dims}
where
  not is_none($dims), length($shifts) == 1, length($dims) == 1, dim(%x, $dims[0]) > 0, no_spec(..)
rewrite
  %front = slice(%x) {dim: $dims[0], start: ($shifts[0] / dim(%x, $dims[0])) * dim(%x, $dims[0]) - $shifts[0] if $shifts[0] < 0 else dim(%x, $dims[0]) - $shifts[0] + ($shifts[0] / dim(%x, $dims[0])) * dim(%x, $dims[0])}
  %back = slice(%x) {dim: $dims[0], end: ($shifts[0] / dim(%x, $dims[0])) * dim(%x, $dims[0]) - $shifts[0] if $shifts[0] < 0 else dim(%x, $dims[0]) - $shifts[0] + ($shifts[0] / dim(%x, $dims[0])) * dim(%x, $dims[0])}
  %y = cat(%front, %back) {dim: $dims[0]}

# roll(x) along several axes  ==>  one after the other
#
# They do not touch each other.
rule roll_of_axes_to_onnx
match
  %y = roll(%x) {shifts: $shifts, dims: $dims}
where
  not is_none($dims), length($shifts) > 1, length($dims) == length($shifts), no_spec(..)
rewrite
  %r = roll(%x) {shifts: slice($shifts, 0, 1), dims: slice($dims, 0, 1)}
  %y = roll(%r) {shifts: slice($shifts, 1, none), dims: slice($dims, 1, none)}

# roll(x) without axes  ==>  roll of all elements in a row
#
# The definition.
rule roll_of_all_to_onnx
match
  %y = roll(%x) {shifts: $shifts, dims: none}
where
  length($shifts) == 1, static_shape(%x), no_spec(..)
rewrite
  %f = view(%x) {size: [-1]}
  %r = roll(%f) {shifts: $shifts, dims: [0]}
  %y = view(%r) {size: dims(%x)}
