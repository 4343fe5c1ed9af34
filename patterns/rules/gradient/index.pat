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

# The same for each entry of the first axes, which index and x have in common: as one axis those are counted off before the places
rule gradient_gather_nd_of_batches
match
  context %y = gather_nd(%x, %index) {batch_dims: $b}
  %dx = gradient(%y, %dy)
where
  $b > 0, rank(%index) > 0, dim(%index, -1) > 0
rewrite
  %places = flatten(%index) {start_dim: 0, end_dim: $b - 1}
  %d = flatten(%dy) {start_dim: 0, end_dim: $b - 1}
  %whole = flatten(zeros_like(%x)) {start_dim: 0, end_dim: $b - 1}
  %end = squeeze(slice(shape(%whole)) {end: 1})
  %count = to(view(arange(0, %end, 1)) {size: concat(-1, map($i in range(rank(%index) - $b), 1))}) {dtype: dtype(%index)}
  %first = add(zeros_like(slice(%places) {dim: -1, end: 1}), %count)
  %dx = reshape(scatter_nd(%whole, cat(%first, %places) {dim: -1}, %d) {reduce: "sum"}, shape(%x))

# Of src only as much is written as there is of index: the rest has no gradient, 0.
condition is_cut(%src, %index) = static_shape(%src) and static_shape(%index) and not same_shape(%src, %index)

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
  %part = gather(%dy, %index) {dim: $dim}
  %whole = pad(%part) {pad: map($i in range(2 * rank(%src)), 0 if $i / 2 * 2 == $i
      else dim(%src, rank(%src) - 1 - $i / 2) - dim(%index, rank(%src) - 1 - $i / 2))} if is_cut(%src, %index) else %part
  %dsrc = %whole

# y is x with src added at index:  dx = dy,  dsrc = dy there
rule gradient_scatter_sum
match
  context %y = scatter(%x, %index, %src) {dim: $dim, reduce: "sum"}
  %dx, %dindex, %dsrc = gradient(%y, %dy)
rewrite
  %dx = %dy
  %dindex = zeros_like(%index)
  %part = gather(%dy, %index) {dim: $dim}
  %whole = pad(%part) {pad: map($i in range(2 * rank(%src)), 0 if $i / 2 * 2 == $i
      else dim(%src, rank(%src) - 1 - $i / 2) - dim(%index, rank(%src) - 1 - $i / 2))} if is_cut(%src, %index) else %part
  %dsrc = %whole

# y is the largest or smallest of x and src at index:  dx and dsrc = dy at those that equal y, shared among them, else 0
rule gradient_scatter_extreme
match
  context %y = scatter(%x, %index, %src) {dim: $dim, reduce: $reduce}
  %dx, %dindex, %dsrc = gradient(%y, %dy)
where
  $reduce == "amax" or $reduce == "amin"
rewrite
  %s = pad(%src) {pad: map($i in range(2 * rank(%src)), 0 if $i / 2 * 2 == $i
      else dim(%index, rank(%src) - 1 - $i / 2) - dim(%src, rank(%src) - 1 - $i / 2))} if is_cut(%src, %index) else %src
  %x_is = to(eq(%x, %y)) {dtype: dtype(%x)}
  %src_is = to(eq(%s, gather(%y, %index) {dim: $dim})) {dtype: dtype(%x)}
  %each = div(%dy, scatter(%x_is, %index, %src_is) {dim: $dim, reduce: "sum"})
  %dx = mul(%x_is, %each)
  %dindex = zeros_like(%index)
  %part = mul(%src_is, gather(%each, %index) {dim: $dim})
  %whole = pad(%part) {pad: map($i in range(2 * rank(%src)), 0 if $i / 2 * 2 == $i
      else dim(%src, rank(%src) - 1 - $i / 2) - dim(%index, rank(%src) - 1 - $i / 2))} if is_cut(%src, %index) else %part
  %dsrc = %whole

# y is the product of x and src at index:  dx and dsrc = dy times the product of the other factors
#
# Without zeros that is y / factor. With one of them it is 0 but there, where it is the product of the others, and with more it is 0.
rule gradient_scatter_prod
match
  context %y = scatter(%x, %index, %src) {dim: $dim, reduce: "prod"}
  %dx, %dindex, %dsrc = gradient(%y, %dy)
where
  is_float(%x)
rewrite
  %s = pad(%src) {pad: map($i in range(2 * rank(%src)), 0 if $i / 2 * 2 == $i
      else dim(%index, rank(%src) - 1 - $i / 2) - dim(%src, rank(%src) - 1 - $i / 2))} if is_cut(%src, %index) else %src
  %x_zero = eq(%x, 0.0)
  %src_zero = eq(%s, 0.0)
  %x_safe = where(%x_zero, 1.0, %x)
  %src_safe = where(%src_zero, 1.0, %s)
  %flows = mul(%dy, scatter(%x_safe, %index, %src_safe) {dim: $dim, reduce: "prod"})
  %zeros = scatter(to(%x_zero) {dtype: dtype(%x)}, %index, to(%src_zero) {dtype: dtype(%x)}) {dim: $dim, reduce: "sum"}
  %of_zero = where(eq(%zeros, 1.0), %flows, 0.0)
  %of_other = where(eq(%zeros, 0.0), %flows, 0.0)
  %dx = where(%x_zero, %of_zero, div(%of_other, %x_safe))
  %dindex = zeros_like(%index)
  %part = where(%src_zero, gather(%of_zero, %index) {dim: $dim}, div(gather(%of_other, %index) {dim: $dim}, %src_safe))
  %whole = pad(%part) {pad: map($i in range(2 * rank(%src)), 0 if $i / 2 * 2 == $i
      else dim(%src, rank(%src) - 1 - $i / 2) - dim(%index, rank(%src) - 1 - $i / 2))} if is_cut(%src, %index) else %part
  %dsrc = %whole

# y is x with the parts of src put at index:  dx = dy, 0 there,  dsrc = dy there
#
# Where a place is written twice, both are given what flows there, as PyTorch does.
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

# y is the largest or smallest of x and the parts of src at index:  dx and dsrc = dy at those that equal y, shared among them, else 0
rule gradient_scatter_nd_extreme
match
  context %y = scatter_nd(%x, %index, %src) {reduce: $reduce}
  %dx, %dindex, %dsrc = gradient(%y, %dy)
where
  $reduce == "amax" or $reduce == "amin"
rewrite
  %x_is = to(eq(%x, %y)) {dtype: dtype(%x)}
  %src_is = to(eq(%src, gather_nd(%y, %index))) {dtype: dtype(%x)}
  %each = div(%dy, scatter_nd(%x_is, %index, %src_is) {reduce: "sum"})
  %dx = mul(%x_is, %each)
  %dindex = zeros_like(%index)
  %dsrc = mul(%src_is, gather_nd(%each, %index))

# y is the product of x and the parts of src at index:  dx and dsrc = dy times the product of the other factors
#
# Without zeros that is y / factor. With one of them it is 0 but there, where it is the product of the others, and with more it is 0.
rule gradient_scatter_nd_prod
match
  context %y = scatter_nd(%x, %index, %src) {reduce: "prod"}
  %dx, %dindex, %dsrc = gradient(%y, %dy)
where
  is_float(%x)
rewrite
  %x_zero = eq(%x, 0.0)
  %src_zero = eq(%src, 0.0)
  %x_safe = where(%x_zero, 1.0, %x)
  %src_safe = where(%src_zero, 1.0, %src)
  %flows = mul(%dy, scatter_nd(%x_safe, %index, %src_safe) {reduce: "prod"})
  %zeros = scatter_nd(to(%x_zero) {dtype: dtype(%x)}, %index, to(%src_zero) {dtype: dtype(%x)}) {reduce: "sum"}
  %of_zero = where(eq(%zeros, 1.0), %flows, 0.0)
  %of_other = where(eq(%zeros, 0.0), %flows, 0.0)
  %dx = where(%x_zero, %of_zero, div(%of_other, %x_safe))
  %dindex = zeros_like(%index)
  %dsrc = where(%src_zero, gather_nd(%of_zero, %index), div(gather_nd(%of_other, %index), %src_safe))

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
