# (i + offsets) mod n  ==>  i,   i a max pool's indices, n the extent of its planes, offsets multiples of n
#
# ONNX counts in the whole tensor and graft in a plane, so that its offset comes with the file; what takes it away again is
# what graft writes for its own indices.
rule max_pool_indices
match
  %m, %i = max_pool1d|max_pool2d|max_pool3d(%x) {drop ..}
  %a = add(%i, %offsets)   one_use
  %y = remainder(%a, %n)
where
  int(%n) > 0, int(%n) == product(extents(%x, 2, none)), every($o in ints(%offsets), $o == $o / int(%n) * int(%n)), no_spec(..)
rewrite
  drop %offsets
  %y = %i
