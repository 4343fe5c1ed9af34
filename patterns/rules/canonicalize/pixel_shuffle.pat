# view(permute(view(x), [0, 1, 3, 5, 2, 4]))  ==>  pixel_unshuffle(x)
#
# Blocks of r by r pixels become channels, those of one channel side by side. PyTorch's exporter writes the three moves.
rule pixel_unshuffle
match
  %v = view(%x) {drop size}                             one_use
  %p = permute(%v) {dims: [0, 1, 3, 5, 2, 4]}           one_use
  %y = view(%p) {drop size}
where
  rank(%x) == 4, rank(%v) == 6, rank(%y) == 4, dim(%v, 1) == dim(%x, 1), dim(%v, 3) > 0, dim(%v, 3) == dim(%v, 5),
  dim(%v, 2) * dim(%v, 3) == dim(%x, 2), dim(%v, 4) * dim(%v, 5) == dim(%x, 3),
  dim(%y, 1) == dim(%x, 1) * dim(%v, 3) * dim(%v, 5), dim(%y, 2) == dim(%v, 2), dim(%y, 3) == dim(%v, 4), no_spec(..)
rewrite
  %y = pixel_unshuffle(%x) {downscale_factor: dim(%v, 3)}

# view(permute(view(x), [0, 1, 4, 2, 5, 3]))  ==>  pixel_shuffle(x)
#
# The way back.
rule pixel_shuffle
match
  %v = view(%x) {drop size}                             one_use
  %p = permute(%v) {dims: [0, 1, 4, 2, 5, 3]}           one_use
  %y = view(%p) {drop size}
where
  rank(%x) == 4, rank(%v) == 6, rank(%y) == 4, dim(%v, 1) == dim(%y, 1), dim(%v, 2) > 0, dim(%v, 2) == dim(%v, 3),
  dim(%v, 1) * dim(%v, 2) * dim(%v, 3) == dim(%x, 1), dim(%v, 4) == dim(%x, 2), dim(%v, 5) == dim(%x, 3),
  dim(%y, 2) == dim(%v, 4) * dim(%v, 2), dim(%y, 3) == dim(%v, 5) * dim(%v, 2), no_spec(..)
rewrite
  %y = pixel_shuffle(%x) {upscale_factor: dim(%v, 2)}
