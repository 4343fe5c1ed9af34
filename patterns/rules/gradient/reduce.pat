# Reductions: what flows to a result flows to all elements that it was made of.

# y = sum(x):  dx = dy
rule gradient_sum
match
  context %y = sum(%x) {dim: $dim, keepdim: $keep}
  %dx = gradient(%y, %dy)
rewrite
  %dx = sum_backward(%dy, %x) {dim: $dim, keepdim: $keep}

# y = sum(x) / n:  dx = dy / n,   n elements of x in each of y
rule gradient_mean
match
  context %y = mean(%x) {dim: $dim, keepdim: $keep}
  %dx = gradient(%y, %dy)
where
  is_float(%x)
rewrite
  %n = to(div(numel(%x), numel(%y))) {dtype: dtype(%x)}
  %dx = sum_backward(div(%dy, %n), %x) {dim: $dim, keepdim: $keep}
