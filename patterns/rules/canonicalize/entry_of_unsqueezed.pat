# the entry of an axis that unsqueeze made  ==>  what it was made of
#
# ONNX's slices have vectors for bounds: a computed bound goes out unsqueezed, and comes in as its one entry.
rule entry_of_unsqueezed
match
  %u = unsqueeze(%x) {dim: $dim}
  %y = index_select(%u, %i) {dim: $dim}
where
  int(%i) == 0, rank(%i) == 0, no_spec(..)
rewrite
  drop %i
  %y = %x
