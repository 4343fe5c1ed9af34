# max_unpool(x, indices)  ==>  x scattered over planes of 0
#
# The definition. ONNX's MaxUnpool counts in the whole tensor instead of a plane.
rule max_unpool_to_onnx
match
  %y = max_unpool1d|max_unpool2d|max_unpool3d(%x, %i) {output_size: $size}
where
  rank(%x) == length($size) + 2, static_shape(%x), no_spec(..)
rewrite
  const %given = 0: f32
  const %zero = to(%given) {dtype: dtype(%x)}
  %planes = expand(%zero) {size: [dim(%x, 0), dim(%x, 1), product($size)]}
  %f = view(%x) {size: [dim(%x, 0), dim(%x, 1), -1]}
  %j = view(%i) {size: [dim(%x, 0), dim(%x, 1), -1]}
  %s = scatter(%planes, %j, %f) {dim: 2}
  %y = view(%s) {size: concat([dim(%x, 0), dim(%x, 1)], $size)}
