# Matrix products.

# y = x W^T + b:  dx = dy W,  dW = dy^T x,  db = dy, over all rows
#
# x has any number of axes before its last one: all of them are rows.
rule gradient_linear
match
  context %y = linear(%x, %w, %b?)
  %dx, %dw, %db? = gradient(%y, %dy)
rewrite
  %dx = matmul(%dy, %w)
  %rows = reshape(%dy) {shape: [-1, dim(%w, 0)]}
  %dw = matmul(transpose(%rows) {dim0: 0, dim1: 1}, reshape(%x) {shape: [-1, dim(%w, 1)]})
  %db? = sum(%rows) {dim: [0]}
