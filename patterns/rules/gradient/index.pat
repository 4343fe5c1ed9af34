# Elements by their places: what flows to the result is put, or added, where its elements came from.

# y is x's elements by index along dim:  dx = dy added there
rule gradient_gather
match
  context %y = gather(%x, %index) {dim: $dim}
  %dx = gradient(%y, %dy)
rewrite
  %dx = scatter(zeros_like(%x), %index, %dy) {dim: $dim, reduce: "sum"}

# y is parts of x by their places:  dx = dy added there
rule gradient_gather_nd
match
  context %y = gather_nd(%x, %index) {batch_dims: 0}
  %dx = gradient(%y, %dy)
rewrite
  %dx = scatter_nd(zeros_like(%x), %index, %dy) {reduce: "sum"}

# The same for each entry of the first axes, which index and x have in common: those are counted off before the places
rule gradient_gather_nd_of_batches
match
  context %y = gather_nd(%x, %index) {batch_dims: 1}
  %dx = gradient(%y, %dy)
where
  static_shape(%index), is_integer(%index)
rewrite
  const %end = dim(%index, 0): i64
  const %count = arange(0, %end, 1)
  %first = expand(view(%count) {size: concat(dim(%index, 0), map($i in range(rank(%index) - 1), 1))}) {size: concat(extents(%index, 0, rank(%index) - 1), 1)}
  %places = cat(to(%first) {dtype: dtype(%index)}, %index) {dim: -1}
  %dx = scatter_nd(zeros_like(%x), %places, %dy) {reduce: "sum"}

# y is x with src put at index:  dx = dy, 0 there,  dsrc = dy there
#
# Where a place is written twice, both are given what flows there, as PyTorch does.
rule gradient_scatter
match
  context %y = scatter(%x, %index, %src) {dim: $dim, reduce: "none"}
  %dx, %dindex, %dsrc = gradient(%y, %dy)
rewrite
  %dx = scatter(%dy, %index, zeros_like(%src)) {dim: $dim}
  %dindex = zeros_like(%index)
  %dsrc = gather(%dy, %index) {dim: $dim}

# y is x with src added at index:  dx = dy,  dsrc = dy there
rule gradient_scatter_sum
match
  context %y = scatter(%x, %index, %src) {dim: $dim, reduce: "sum"}
  %dx, %dindex, %dsrc = gradient(%y, %dy)
rewrite
  %dx = %dy
  %dindex = zeros_like(%index)
  %dsrc = gather(%dy, %index) {dim: $dim}

# y is x with the parts of src put at index:  dx = dy, 0 there,  dsrc = dy there
rule gradient_scatter_nd
match
  context %y = scatter_nd(%x, %index, %src) {reduce: "none"}
  %dx, %dindex, %dsrc = gradient(%y, %dy)
rewrite
  %dx = scatter_nd(%dy, %index, zeros_like(%src))
  %dindex = zeros_like(%index)
  %dsrc = gather_nd(%dy, %index)

# y is x with the parts of src added at index:  dx = dy,  dsrc = dy there
rule gradient_scatter_nd_sum
match
  context %y = scatter_nd(%x, %index, %src) {reduce: "sum"}
  %dx, %dindex, %dsrc = gradient(%y, %dy)
rewrite
  %dx = %dy
  %dindex = zeros_like(%index)
  %dsrc = gather_nd(%dy, %index)

# The k largest along dim:  dx = what flows to them at their places, else 0
rule gradient_topk
match
  context %y, %index = topk(%x) {dim: $dim}
  %dx = gradient(%y, %dy)
rewrite
  %dx = scatter(zeros_like(%x), %index, %dy) {dim: $dim, reduce: "sum"}

# The same of as many as the operand says
rule gradient_topk_by_operand
match
  context %y, %index = topk(%x, %count) {dim: $dim}
  %dx = gradient(%y, %dy)
rewrite
  %dx = scatter(zeros_like(%x), %index, %dy) {dim: $dim, reduce: "sum"}

# Each element once:  dx = what flows to it, shared among those of x that it is
rule gradient_unique
match
  context %y = unique(%x) {dim: none, sorted: $sorted}
  %dx = gradient(%y, %dy)
rewrite
  %again, %first, %which, %count = unique(%x) {sorted: $sorted}
  %each = div(%dy, to(%count) {dtype: dtype(%x)})
  %dx = reshape(index_select(%each, %which) {dim: 0}, shape(%x))

# Each entry along dim once:  dx = what flows to it, shared among those of x that it is
rule gradient_unique_entries
match
  context %y = unique(%x) {dim: $dim, sorted: $sorted}
  %dx = gradient(%y, %dy)
where
  not is_none($dim), rank(%x) > 0
rewrite
  %again, %first, %which, %count = unique(%x) {dim: $dim, sorted: $sorted}
  %n = to(%count) {dtype: dtype(%x)}
  %along = view(%n) {size: map($i in range(rank(%x)), -1 if $i == $dim or $i == $dim + rank(%x) else 1)}
  %dx = index_select(div(%dy, %along), %which) {dim: $dim}

# y is x at its places in planes of another size, else 0:  dx = dy at those places
rule gradient_max_unpool
match
  context %y = max_unpool1d|max_unpool2d|max_unpool3d:c(%x, %index)
  %dx = gradient(%y, %dy)
rewrite
  %planes = flatten(%dy) {start_dim: 2}
  %places = flatten(%index) {start_dim: 2}
  %dx = reshape(gather(%planes, %places) {dim: 2}, shape(%x))
