# Reductions that choose, multiply or measure, and running sums.

# y = the largest or smallest of x:  dx = dy at those that equal y, shared among them, else 0
rule gradient_extreme
match
  context %y = amax|amin:c(%x) {dim: $dim, keepdim: $keep}
  %dx = gradient(%y, %dy)
rewrite
  %is = eq(%x, sum_backward(%y, %x) {dim: $dim, keepdim: $keep})
  %n = sum(to(%is) {dtype: dtype(%x)}) {dim: $dim, keepdim: $keep}
  %each = sum_backward(div(%dy, %n), %x) {dim: $dim, keepdim: $keep}
  %dx = where(%is, %each, 0.0)

# y = product of x:  dx = dy times the product of the others
#
# Without zeros that is y / x. With one of them it is 0 but there, where it is the product of the others, and with more it is 0.
rule gradient_prod
match
  context %y = prod(%x) {dim: $dim, keepdim: $keep}
  %dx = gradient(%y, %dy)
where
  is_float(%x)
rewrite
  %zero = eq(%x, 0.0)
  %safe = where(%zero, 1.0, %x)
  %others = prod(%safe) {dim: $dim, keepdim: $keep}
  %zeros = sum(to(%zero) {dtype: dtype(%x)}) {dim: $dim, keepdim: $keep}
  %flows = mul(%dy, %others)
  %of_zero = sum_backward(where(eq(%zeros, 1.0), %flows, 0.0), %x) {dim: $dim, keepdim: $keep}
  %of_other = sum_backward(where(eq(%zeros, 0.0), %flows, 0.0), %x) {dim: $dim, keepdim: $keep}
  %dx = where(%zero, %of_zero, div(%of_other, %safe))

# y = log(sum(exp(x))):  dx = dy exp(x - y)
rule gradient_logsumexp
match
  context %y = logsumexp(%x) {dim: $dim, keepdim: $keep}
  %dx = gradient(%y, %dy)
rewrite
  %wide = sum_backward(%y, %x) {dim: $dim, keepdim: $keep}
  %d = sum_backward(%dy, %x) {dim: $dim, keepdim: $keep}
  %dx = mul(%d, exp(sub(%x, %wide)))

# y = sqrt(sum(x^2)):  dx = dy x / y, 0 where y is 0
rule gradient_norm_2
match
  context %y = linalg_vector_norm(%x) {ord: 2.0, dim: $dim, keepdim: $keep}
  %dx = gradient(%y, %dy)
rewrite
  %d = where(eq(%y, 0.0), 0.0, div(%dy, %y))
  %dx = mul(%x, sum_backward(%d, %x) {dim: $dim, keepdim: $keep})

# y = the largest |x| or the smallest one:  dx = dy sign(x) at those that are it, shared among them
rule gradient_norm_extreme
match
  context %y = linalg_vector_norm(%x) {ord: $ord, dim: $dim, keepdim: $keep}
  %dx = gradient(%y, %dy)
where
  $ord == inf or $ord == -inf
rewrite
  %is = eq(abs(%x), sum_backward(%y, %x) {dim: $dim, keepdim: $keep})
  %n = sum(to(%is) {dtype: dtype(%x)}) {dim: $dim, keepdim: $keep}
  %each = sum_backward(div(%dy, %n), %x) {dim: $dim, keepdim: $keep}
  %dx = where(%is, mul(%each, sign(%x)), 0.0)

# y = how many are not 0:  dx = 0
rule gradient_norm_0
match
  context %y = linalg_vector_norm(%x) {ord: 0.0}
  %dx = gradient(%y, %dy)
rewrite
  %dx = zeros_like(%x)
  drop %dy

# y = sum(|x|^p)^(1/p):  dx = dy sign(x) (|x| / y)^(p - 1), 0 where x or y is 0
rule gradient_norm
match
  context %y = linalg_vector_norm(%x) {ord: $ord, dim: $dim, keepdim: $keep}
  %dx = gradient(%y, %dy)
where
  $ord < inf, $ord > -inf
rewrite
  %wide = sum_backward(%y, %x) {dim: $dim, keepdim: $keep}
  %d = sum_backward(%dy, %x) {dim: $dim, keepdim: $keep}
  %slope = mul(sign(%x), pow(div(abs(%x), %wide), $ord - 1.0))
  %none = logical_or(eq(%wide, 0.0), eq(%x, 0.0))
  %dx = where(%none, 0.0, mul(%d, %slope))

# Sums of the elements up to each:  dx = sums of dy from each to the end, or the other way
rule gradient_cumsum
match
  context %y = cumsum(%x) {dim: $dim, exclusive: $exclusive, reverse: $reverse}
  %dx = gradient(%y, %dy)
where
  is_float(%x)
rewrite
  %dx = cumsum(%dy) {dim: $dim, exclusive: $exclusive, reverse: not $reverse}

# y = det(x):  dx = dy times the cofactors
rule gradient_det
match
  context %y = linalg_det(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = linalg_det_backward(%dy, %x)
