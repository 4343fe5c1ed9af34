# Weights and biases: stored, or what q/dq that came with the file make of stored ones.
condition is_weight(%w) = tensor(%w) or is_dequantized(%w) and const(%w)

# Two axes of a matrix (negative ones count from the end) differ where their sum is odd.
condition swaps($i, $j) = $i + $j == 1 or $i + $j == -1 or $i + $j == -3

# matmul(x, [W])  ==>  matmul(x, W)
#
# A weight of more axes that holds one matrix is that matrix, where x has as many axes.
rule matrix_of_matmul
match
  %y = matmul(%x, %w)
where
  parameter(%w), rank(%w) > 2, product(slice(dims(%w), 0, -2)) == 1, rank(%x) >= rank(%w), no_spec(..)
rewrite
  const %w2 = view(%w) {size: slice(dims(%w), -2, none)}   named %w  kind parameter
  %y = matmul(%x, %w2)   source %y

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
    where is_weight(%w), swaps($i, $j)
  }
  %m = matmul(%x, %wt)   one_use
  %y = add(%m, %b)
where
  rank(%w) == 2, rank(%b) == 1, dim(%b, 0) == dim(%m, -1), rank(%x) >= 1, is_weight(%b), no_spec(..)
rewrite
  if stored {
    const %w2 = transpose(%w) {dim0: 0, dim1: 1}   named %w  kind parameter
  } else {
    %w2 = %w
  }
  %y = linear(%x, %w2, %b)   source %m

# matmul(x, W^T) + b  ==>  linear(x, W, b),   b one number, or with axes of extent 1 before its last
#
# What it adds to each output is what a bias is.
rule linear_from_matmul_add_broadcast
match
  stored? {
    %wt = %w
    where parameter(%w)
  } else {
    %wt = transpose(%w) {dim0: $i, dim1: $j}
    where is_weight(%w), swaps($i, $j)
  }
  %m = matmul(%x, %wt)   one_use
  %y = add(%m, %b)
where
  rank(%w) == 2, rank(%x) >= 1, tensor(%b), rank(%b) <= rank(%m),
  elements(%b) == 1 or dim(%b, -1) == elements(%b) and dim(%m, -1) == elements(%b), no_spec(..)
rewrite
  if stored {
    const %w2 = transpose(%w) {dim0: 0, dim1: 1}   named %w  kind parameter
  } else {
    %w2 = %w
  }
  const %b2 = expand(view(%b) {size: [-1]}) {size: [dim(%m, -1)]}   named %b  kind parameter
  %y = linear(%x, %w2, %b2)   source %m

# matmul(x, W^T)  ==>  linear(x, W)
rule linear_from_matmul
match
  stored? {
    %wt = %w
    where parameter(%w)
  } else {
    %wt = transpose(%w) {dim0: $i, dim1: $j}
    where is_weight(%w), swaps($i, $j)
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
