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
