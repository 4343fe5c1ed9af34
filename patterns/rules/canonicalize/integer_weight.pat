condition is_stored(%w) = tensor(%w) and rank(%w) == 2

# x DQ(W)  ==>  x DQ(W^T)^T,   W stored as [in, out]
#
# linear's weight is [out, in], and so is that of integer layers: stored integers are transposed once, now, with the
# axis of their scales. The rules of linear_from_matmul.pat and linear_from_addmm.pat take it from there.
rule integer_weight_of_matmul
match
  per_channel? {
    %d = dequantize_per_channel(%w, %s, %z) {axis: $axis, groups: 1, ..$how}
    where $axis == 1 or $axis == -1
  } else {
    %d = dequantize_per_tensor(%w, %s, %z) {..$how}
  }
  %y = matmul(%x, %d)
where
  is_stored(%w), no_spec(..)
rewrite
  const %v = transpose(%w) {dim0: 0, dim1: 1}   named %w
  if per_channel {
    %e = dequantize_per_channel(%v, %s, %z) {axis: 0, groups: 1, ..$how}   source %d
  } else {
    %e = dequantize_per_tensor(%v, %s, %z) {..$how}   source %d
  }
  %t = transpose(%e) {dim0: 0, dim1: 1}
  %y = matmul(%x, %t)

# b + x DQ(W)  ==>  b + x DQ(W^T)^T
#
# The same.
rule integer_weight_of_addmm
match
  per_channel? {
    %d = dequantize_per_channel(%w, %s, %z) {axis: $axis, groups: 1, ..$how}
    where $axis == 1 or $axis == -1
  } else {
    %d = dequantize_per_tensor(%w, %s, %z) {..$how}
  }
  %y = addmm(%b, %x, %d) {..$sum}
where
  is_stored(%w), no_spec(..)
rewrite
  const %v = transpose(%w) {dim0: 0, dim1: 1}   named %w
  if per_channel {
    %e = dequantize_per_channel(%v, %s, %z) {axis: 0, groups: 1, ..$how}   source %d
  } else {
    %e = dequantize_per_tensor(%v, %s, %z) {..$how}   source %d
  }
  %t = transpose(%e) {dim0: 0, dim1: 1}
  %y = addmm(%b, %x, %t) {..$sum}
