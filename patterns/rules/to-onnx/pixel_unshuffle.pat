# pixel_unshuffle(x)  ==>  view(permute(view(x), [0, 1, 3, 5, 2, 4]))
#
# ONNX's SpaceToDepth has the channels of one place together, not the places of one channel. canonicalize knows the three moves
# again.
rule pixel_unshuffle_to_onnx
match
  %y = pixel_unshuffle(%x) {downscale_factor: $r, depth_first: false}
where
  rank(%x) == 4, dim(%x, 1) > 0, dim(%x, 2) > 0, dim(%x, 3) > 0, no_spec(..)
rewrite
  %v = view(%x) {size: [-1, dim(%x, 1), dim(%x, 2) / $r, $r, dim(%x, 3) / $r, $r]}
  %p = permute(%v) {dims: [0, 1, 3, 5, 2, 4]}
  %y = view(%p) {size: [-1, dim(%x, 1) * $r * $r, dim(%x, 2) / $r, dim(%x, 3) / $r]}
