# Weights: stored, or what q/dq that came with the file make of stored ones.
condition is_weight(%w) = tensor(%w) or is_dequantized(%w) and const(%w)

# Two axes of a matrix (negative ones count from the end) differ where their sum is odd.
condition swaps($i, $j) = $i + $j == 1 or $i + $j == -1 or $i + $j == -3

# One number for each output, or one for all.
condition is_bias(%b, %y) = elements(%b) == 1 or dim(%b, -1) == elements(%b) and dim(%y, -1) == elements(%b)

# addmm(b, x, W^T)  ==>  linear(x, W, b)
#
# linear is x W^T + b over the last axis by definition; W keeps its name. addmm broadcasts b over the rows: one entry
# for each output is what a bias has.
rule linear_from_addmm
match
  %wt = transpose(%w) {dim0: $i, dim1: $j}
  %y = addmm(%b, %x, %wt) {beta: 1.0, alpha: 1.0}
where
  rank(%w) == 2, rank(%b) == 1, dim(%b, 0) == dim(%w, 0), is_weight(%w), swaps($i, $j), no_spec(..)
rewrite
  %y = linear(%x, %w, %b)   source %y

# The same where the weight is stored as [in, out]: it is transposed once, now.
rule linear_from_addmm_stored
match
  %y = addmm(%b, %x, %w) {beta: 1.0, alpha: 1.0}
where
  rank(%w) == 2, rank(%b) == 1, dim(%b, 0) == dim(%w, 1), parameter(%w), no_spec(..)
rewrite
  const %wt = transpose(%w) {dim0: 0, dim1: 1}   named %w  kind parameter
  %y = linear(%x, %wt, %b)   source %y

# 0 b + alpha x W  ==>  alpha x W
#
# With beta 0 nothing of b counts, a NaN neither.
rule addmm_without_input
match
  %y = addmm(%b, %x, %w) {beta: 0.0, alpha: 1.0}
where
  no_spec(..)
rewrite
  %y = matmul(%x, %w)   source %y
  drop %b

# beta b + x W  ==>  b' + x W
#
# b may be one number for all outputs, have an axis of extent 1 for the rows, or a factor: linear's has one entry for each output.
rule input_of_addmm
match
  stored? {
    %wt = %w
    where parameter(%w)
  } else {
    %wt = transpose(%w) {dim0: $i, dim1: $j}
    where is_weight(%w), swaps($i, $j)
  }
  %y = addmm(%b, %x, %wt) {beta: $beta, alpha: $alpha}
where
  rank(%w) == 2, tensor(%b), is_bias(%b, %y), $beta != 0.0, $beta != 1.0 or rank(%b) != 1 or dim(%b, 0) != dim(%y, -1), no_spec(..)
rewrite
  const %beta = $beta: f64
  const %all = expand(view(%b) {size: [-1]}) {size: [dim(%y, -1)]}
  const %b2 = mul(%all, to(%beta) {dtype: dtype(%b)})   named %b  kind parameter
  %y = addmm(%b2, %x, %wt) {beta: 1.0, alpha: $alpha}   source %y

# alpha x W  ==>  x (alpha W)
#
# A product is linear in its weight. A weight that another node reads is not scaled, so that the two do not stop sharing it.
rule weight_of_addmm
match
  %y = addmm(%b, %x, %w) {beta: $beta, alpha: $alpha}
where
  parameter(%w), uses(%w) == 1, $alpha != 1.0, no_spec(..)
rewrite
  const %alpha = $alpha: f64
  const %w2 = mul(%w, to(%alpha) {dtype: dtype(%w)})   named %w  kind parameter
  %y = addmm(%b, %x, %w2) {beta: $beta, alpha: 1.0}   source %y

# alpha x W^T  ==>  x (alpha W)^T
rule transposed_weight_of_addmm
match
  %wt = transpose(%w) {dim0: $i, dim1: $j}   one_use
  %y = addmm(%b, %x, %wt) {beta: $beta, alpha: $alpha}
where
  tensor(%w), uses(%w) == 1, $alpha != 1.0, no_spec(..)
rewrite
  const %alpha = $alpha: f64
  const %w2 = mul(%w, to(%alpha) {dtype: dtype(%w)})   named %w  kind parameter
  %wt2 = transpose(%w2) {dim0: $i, dim1: $j}
  %y = addmm(%b, %x, %wt2) {beta: $beta, alpha: 1.0}   source %y

# alpha x W  ==>  (alpha x) W
#
# Where the weight is shared, or what q/dq make: alpha scales the rows.
rule rows_of_addmm
match
  transposed? {
    %wt = transpose(%w) {dim0: $i, dim1: $j}
    where swaps($i, $j)
  } else {
    %wt = %w
  }
  %y = addmm(%b, %x, %wt) {beta: $beta, alpha: $alpha}
where
  tensor(%w) and uses(%w) > 1 or is_dequantized(%w) and const(%w), $alpha != 1.0, no_spec(..)
rewrite
  const %alpha = $alpha: f64
  const %a = to(%alpha) {dtype: dtype(%w)}
  %x2 = mul(%x, %a)
  %y = addmm(%b, %x2, %wt) {beta: $beta, alpha: 1.0}   source %y
