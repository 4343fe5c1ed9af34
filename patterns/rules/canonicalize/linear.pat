# addmm(b, x, W^T)  ==>  linear(x, W, b)
#
# linear is x W^T + b over the last axis by definition; W keeps its name. addmm broadcasts b over the rows: one entry
# for each output is what a bias has. Two axes of a matrix (negative ones count from the end) differ where their sum is odd.
rule linear_from_addmm
match
  %wt = transpose(%w) {dim0: $i, dim1: $j}
  %y = addmm(%b, %x, %wt) {beta: 1.0, alpha: 1.0}
where
  rank(%w) == 2, rank(%x) == 2, rank(%b) == 1, dim(%b, 0) == dim(%w, 0), tensor(%w),
  $i + $j == 1 or $i + $j == -1 or $i + $j == -3, no_spec(..)
rewrite
  %y = linear(%x, %w, %b)   source %y

# The same where the weight is stored as [in, out]: it is transposed once, now.
rule linear_from_addmm_stored
match
  %y = addmm(%b, %x, %w) {beta: 1.0, alpha: 1.0}
where
  rank(%w) == 2, rank(%x) == 2, rank(%b) == 1, dim(%b, 0) == dim(%w, 1), parameter(%w), no_spec(..)
rewrite
  const %wt = transpose(%w) {dim0: 0, dim1: 1}   named %w  kind parameter
  %y = linear(%x, %wt, %b)   source %y

# matmul(x, W^T) + b  ==>  linear(x, W, b)
#
# A matrix product with a weight of rank 2 acts on the last axis of x; b of rank 1 is added along that axis.
rule linear_from_matmul_add
match
  stored? {
    %wt = %w
    where parameter(%w)
  } else {
    %wt = transpose(%w) {dim0: $i, dim1: $j}
    where tensor(%w), $i + $j == 1 or $i + $j == -1 or $i + $j == -3
  }
  %m = matmul(%x, %wt)   one_use
  %y = add(%m, %b)
where
  rank(%w) == 2, rank(%b) == 1, dim(%b, 0) == dim(%m, -1), rank(%x) >= 1, tensor(%b), no_spec(..)
rewrite
  if stored {
    const %w2 = transpose(%w) {dim0: 0, dim1: 1}   named %w  kind parameter
  } else {
    %w2 = %w
  }
  %y = linear(%x, %w2, %b)   source %m

# matmul(x, W^T)  ==>  linear(x, W)
rule linear_from_matmul
match
  stored? {
    %wt = %w
    where parameter(%w)
  } else {
    %wt = transpose(%w) {dim0: $i, dim1: $j}
    where tensor(%w), $i + $j == 1 or $i + $j == -1 or $i + $j == -3
  }
  %y = matmul(%x, %wt)
where
  rank(%w) == 2, rank(%x) >= 1, no_spec(..)
rewrite
  if stored {
    const %w2 = transpose(%w) {dim0: 0, dim1: 1}   named %w  kind parameter
  } else {
    %w2 = %w
  }
  %y = linear(%x, %w2)   source %y
