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
