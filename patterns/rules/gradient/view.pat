# Views and moves: what flows to an element of the result flows to the element that it is.

# y has x's elements in their order:  dx = dy, of x's shape
rule gradient_view
match
  context %y = view|flatten|squeeze|unsqueeze:c(%x)
  %dx = gradient(%y, %dy)
where
  unknown_extents(%x) >= 0, unknown_extents(%x) <= 1
rewrite
  %dx = view(%dy) {size: dims(%x)}

# The same where less is known of x's extents
rule gradient_view_at_run_time
match
  context %y = view|flatten|squeeze|unsqueeze:c(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = reshape(%dy, shape(%x))

# The same, however y's shape was given
rule gradient_reshape
match
  context %y = reshape(%x, %size?)
  %dx = gradient(%y, %dy)
where
  unknown_extents(%x) >= 0, unknown_extents(%x) <= 1
rewrite
  %dx = view(%dy) {size: dims(%x)}

# Where less is known of x's extents
rule gradient_reshape_at_run_time
match
  context %y = reshape(%x, %size?)
  %dx = gradient(%y, %dy)
rewrite
  %dx = reshape(%dy, shape(%x))

# axis i of y is axis dims[i] of x:  dx = dy with the axes put back
rule gradient_permute
match
  context %y = permute(%x) {dims: $dims}
  %dx = gradient(%y, %dy)
rewrite
  %dx = permute(%dy)
    {dims: map($a in range(length($dims)), sum(map($i in range(length($dims)), $i if $dims[$i] == $a or $dims[$i] + length($dims) == $a else 0)))}

# y is x with two axes swapped:  dx = dy with them swapped
rule gradient_transpose
match
  context %y = transpose(%x) {dim0: $a, dim1: $b}
  %dx = gradient(%y, %dy)
rewrite
  %dx = transpose(%dy) {dim0: $a, dim1: $b}

# y is x, broadcast:  dx = dy, summed over what was added or stretched (behind the rules)
rule gradient_expand
match
  context %y = expand(%x, %shape?)
  %dx = gradient(%y, %dy)
rewrite
  %dx = %dy

# y is x so many times along each axis:  dx = the sum of dy's parts
#
# With each axis cut in two, how many times and x's own, the first of each pair is summed.
rule gradient_repeat
match
  context %y = repeat(%x, _) {repeats: $times}
  %dx = gradient(%y, %dy)
where
  length($times) <= 4, unknown_extents(%x) >= 0, unknown_extents(%x) <= 1
rewrite
  %parts = view(%dy)
    {size: map($i in range(2 * length($times)), $times[$i / 2] if $i / 2 * 2 == $i else
                                                1 if $i / 2 < length($times) - rank(%x) else dim(%x, $i / 2 - length($times)))}
  %dx = sum(%parts) {dim: map($i in range(length($times)), 2 * $i)}

# The same by an operand that is known
rule gradient_repeat_by_operand
match
  context %y = repeat(%x, %times)
  %dx = gradient(%y, %dy)
where
  rank(%y) <= 4, unknown_extents(%x) >= 0, unknown_extents(%x) <= 1
rewrite
  %parts = view(%dy)
    {size: map($i in range(2 * rank(%y)), ints(%times)[$i / 2] if $i / 2 * 2 == $i else
                                          1 if $i / 2 < rank(%y) - rank(%x) else dim(%x, $i / 2 - rank(%y)))}
  %dx = sum(%parts) {dim: map($i in range(rank(%y)), 2 * $i)}

# The same where less is known: the parts' extents are made as it runs
rule gradient_repeat_at_run_time
match
  context %y = repeat(%x, %times?) {repeats: $repeats}
  %dx = gradient(%y, %dy)
where
  rank(%y) <= 4, rank(%x) == rank(%y), %times or not is_none($repeats)
rewrite
  const %given = $repeats if not is_none($repeats) else [1]: i64
  %t = %times   if %times else %given
  %pairs = reshape(cat(unsqueeze(%t) {dim: 1}, unsqueeze(shape(%x)) {dim: 1}) {dim: 1}) {shape: [-1]}
  %dx = sum(reshape(%dy, %pairs)) {dim: map($i in range(rank(%y)), 2 * $i)}

# y is x in the other order along dims:  dx = dy in the other order
rule gradient_flip
match
  context %y = flip(%x) {dims: $dims}
  %dx = gradient(%y, %dy)
rewrite
  %dx = flip(%dy) {dims: $dims}

# y is x, rolled:  dx = dy, rolled back
rule gradient_roll
match
  context %y = roll(%x) {shifts: $shifts, dims: $dims}
  %dx = gradient(%y, %dy)
rewrite
  %dx = roll(%dy) {shifts: map($s in $shifts, -$s), dims: $dims}

# Entries of each sequence in the other order:  dx = dy in the other order
rule gradient_reverse_sequence
match
  context %y = reverse_sequence(%x, %lengths) {batch_dim: $b, time_dim: $t}
  %dx = gradient(%y, %dy)
rewrite
  %dx = reverse_sequence(%dy, %lengths) {batch_dim: $b, time_dim: $t}

# y is x with channels moved into space:  dx = dy with them moved back
rule gradient_pixel_shuffle
match
  context %y = pixel_shuffle(%x) {upscale_factor: $r, depth_first: $d}
  %dx = gradient(%y, %dy)
rewrite
  %dx = pixel_unshuffle(%dy) {downscale_factor: $r, depth_first: $d}

# The other way round
rule gradient_pixel_unshuffle
match
  context %y = pixel_unshuffle(%x) {downscale_factor: $r, depth_first: $d}
  %dx = gradient(%y, %dy)
rewrite
  %dx = pixel_shuffle(%dy) {upscale_factor: $r, depth_first: $d}

# y is x on one side of a diagonal, else 0:  dx = dy there, else 0
rule gradient_triangle
match
  context %y = tril|triu:t(%x, %offset?) {diagonal: $d}
  %dx = gradient(%y, %dy)
rewrite
  %dx = @t(%dy, %offset?) {diagonal: $d}

# y is x with zeros (or `fill`) around it, or cut:  dx = dy, cut or with zeros around it,  dfill = the sum of what is not x
rule gradient_pad
match
  context %y = pad(%x, %fill?, _) {pad: $pad, mode: "constant"}
  %dx, %dfill? = gradient(%y, %dy)
rewrite
  %inner = pad(%dy) {pad: map($p in $pad, -$p)}
  %dx = %inner
  %dfill? = sub(sum(%dy), sum(%inner))

# The same by an operand
rule gradient_pad_by_operand
match
  context %y = pad(%x, %fill?, %pads) {mode: "constant"}
  %dx, %dfill? = gradient(%y, %dy)
rewrite
  %inner = pad(%dy, _, neg(%pads))
  %dx = %inner
  %dfill? = sub(sum(%dy), sum(%inner))

# Blocks as columns:  dx = the columns of dy, added up where they came from
rule gradient_im2col
match
  context %y = im2col(%x) {kernel_size: $k, dilation: $d, padding: $p, stride: $s}
  %dx = gradient(%y, %dy)
rewrite
  %dx = col2im(%dy) {kernel_size: $k, dilation: $d, padding: $p, stride: $s, output_size: extents(%x, 2, none)}

# Columns added up:  dx = the blocks of dy, as columns
rule gradient_col2im
match
  context %y = col2im(%x) {kernel_size: $k, dilation: $d, padding: $p, stride: $s}
  %dx = gradient(%y, %dy)
rewrite
  %dx = im2col(%dy) {kernel_size: $k, dilation: $d, padding: $p, stride: $s}

# x summed where like was stretched (a gradient's own op):  dx = dy, stretched
rule gradient_sum_to_size
match
  context %y = sum_to_size(%x, %like)
  %dx = gradient(%y, %dy)
rewrite
  %dx = expand(%dy, shape(%x))

# At each element what its sum has (a gradient's own op):  ddy = the sum
rule gradient_sum_backward
match
  context %y = sum_backward(%x, %like) {dim: $dim, keepdim: $keep}
  %dx = gradient(%y, %dy)
rewrite
  %dx = sum(%dy) {dim: $dim, keepdim: $keep}
