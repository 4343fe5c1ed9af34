# reshape(x, [extent 0 of x, -1])  ==>  reshape(x) {shape: [0, -1]}
#
# x.view(x.size(0), -1) as exporters write it where extent 0 is not known: a zero copies it.
rule copy_extent
match
  %s = shape(%x) {start: 0, end: none}
  %i = index_select(%s, %k) {dim: 0}
  %u = unsqueeze(%i) {dim: 0}
  %c = cat(%u, %rest) {dim: 0}
  %y = reshape(%x, %c) {shape: none, allowzero: false}
where
  constant(%k), rank(%k) == 0, int(%k) == 0, constant(%rest), elements(%rest) == 1, no_spec(..)
rewrite
  %y = reshape(%x) {shape: [0, ints(%rest)[0]], allowzero: false}

# reshape(x, size)  ==>  reshape(x) {shape: size}
#
# The size has become known, and with it the result's type.
rule known_size
match
  %y = reshape(%x, %size) {shape: none, allowzero: $zero}
where
  constant(%size), rank(%size) == 1, no_spec(..)
rewrite
  %y = reshape(%x) {shape: ints(%size), allowzero: $zero}

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
  drop %size   # the result's type says it
