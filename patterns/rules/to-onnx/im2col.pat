# im2col(x)  ==>  entries of x by the place that each element of a column has
#
# The same blocks of an image that holds its places are those places.
rule im2col_to_onnx
match
  %y = im2col(%x) {kernel_size: $size, dilation: $dilation, padding: $padding, stride: $stride}
where
  length($size) == 2, rank(%x) == 4, dim(%x, 1) > 0, dim(%x, 2) > 0, dim(%x, 3) > 0, dim(%y, 2) > 0, no_spec(..)
rewrite
  const %end = (dim(%x, 2) + 2 * $padding[0]) * (dim(%x, 3) + 2 * $padding[1]): i64
  const %places = arange(0, %end, 1)
  const %image = view(%places) {size: [1, 1, dim(%x, 2) + 2 * $padding[0], dim(%x, 3) + 2 * $padding[1]]}
  const %columns = im2col(%image) {kernel_size: $size, dilation: $dilation, padding: [0, 0], stride: $stride}
  const %index = view(%columns) {size: [-1]}
  %p = pad(%x) {pad: [$padding[1], $padding[1], $padding[0], $padding[0]]}
  %rows = view(%p) {size: [-1, dim(%x, 1), (dim(%x, 2) + 2 * $padding[0]) * (dim(%x, 3) + 2 * $padding[1])]}
  %s = index_select(%rows, %index) {dim: 2}
  %y = view(%s) {size: [-1, dim(%x, 1) * $size[0] * $size[1], dim(%y, 2)]}
