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

# y = x other, of a vector and a vector:  dx = dy other,  dother = dy x
rule gradient_matmul_of_vectors
match
  context %y = matmul(%x, %other)
  %dx, %dother = gradient(%y, %dy)
where
  rank(%x) == 1, rank(%other) == 1
rewrite
  %dx = mul(%dy, %other)
  %dother = mul(%dy, %x)

# y = x other, of a vector and matrices:  dx = other dy,  dother = x dy^T
rule gradient_matmul_of_vector
match
  context %y = matmul(%x, %other)
  %dx, %dother = gradient(%y, %dy)
where
  rank(%x) == 1
rewrite
  %dx = squeeze(matmul(%other, unsqueeze(%dy) {dim: -1})) {dim: [-1]}
  %dother = mul(unsqueeze(%x) {dim: -1}, unsqueeze(%dy) {dim: -2})

# y = x other, of matrices and a vector:  dx = dy other^T,  dother = x^T dy
rule gradient_matmul_with_vector
match
  context %y = matmul(%x, %other)
  %dx, %dother = gradient(%y, %dy)
where
  rank(%other) == 1
rewrite
  %dx = mul(unsqueeze(%dy) {dim: -1}, %other)
  %dother = squeeze(matmul(unsqueeze(%dy) {dim: -2}, %x)) {dim: [-2]}

# y = x other, of matrices and one matrix:  dx = dy other^T,  dother = x^T dy, over all rows
rule gradient_matmul_with_matrix
match
  context %y = matmul(%x, %other)
  %dx, %dother = gradient(%y, %dy)
where
  rank(%x) > 2, rank(%other) == 2
rewrite
  %dx = matmul(%dy, transpose(%other) {dim0: 0, dim1: 1})
  %rows = reshape(%x) {shape: [-1, dim(%other, 0)]}
  %dother = matmul(transpose(%rows) {dim0: 0, dim1: 1}, reshape(%dy) {shape: [-1, dim(%other, 1)]})

# y = x other:  dx = dy other^T,  dother = x^T dy, each matrix its own
rule gradient_matmul
match
  context %y = matmul(%x, %other)
  %dx, %dother = gradient(%y, %dy)
where
  rank(%x) >= 2, rank(%other) >= 2
rewrite
  %dx = matmul(%dy, transpose(%other) {dim0: -2, dim1: -1})
  %dother = matmul(transpose(%x) {dim0: -2, dim1: -1}, %dy)

# y = beta input + alpha mat1 mat2:  dinput = beta dy,  dmat1 = alpha dy mat2^T,  dmat2 = alpha mat1^T dy
rule gradient_addmm
match
  context %y = addmm(%input, %mat1, %mat2) {beta: $beta, alpha: $alpha}
  %dinput, %dmat1, %dmat2 = gradient(%y, %dy)
where
  is_float(%mat1)
rewrite
  const %a = $alpha
  const %b = $beta
  %scaled = mul(%dy, to(%a) {dtype: dtype(%mat1)})
  %dinput = mul(%dy, to(%b) {dtype: dtype(%mat1)})
  %dmat1 = matmul(%scaled, transpose(%mat2) {dim0: 0, dim1: 1})
  %dmat2 = matmul(transpose(%mat1) {dim0: 0, dim1: 1}, %scaled)

# y = einsum(a):  da = einsum(dy), with the equation turned round
rule gradient_einsum_of_one
match
  context %y = einsum(%a) {equation: $e}
  %da = gradient(%y, %dy)
rewrite
  %da = einsum(%dy) {equation: einsum_backward($e, 0)}

# y = einsum(a, b):  da = einsum(dy, b),  db = einsum(dy, a)
#
# The sums of products go to each operand from dy and the other one: the axes that it lacks are summed.
rule gradient_einsum_of_two
match
  context %y = einsum(%a, %b) {equation: $e}
  %da, %db = gradient(%y, %dy)
rewrite
  %da = einsum(%dy, %b) {equation: einsum_backward($e, 0)}
  %db = einsum(%dy, %a) {equation: einsum_backward($e, 1)}

# y = einsum(a, b, c):  da = einsum(dy, b, c),  db = einsum(dy, a, c),  dc = einsum(dy, a, b)
rule gradient_einsum_of_three
match
  context %y = einsum(%a, %b, %c) {equation: $e}
  %da, %db, %dc = gradient(%y, %dy)
rewrite
  %da = einsum(%dy, %b, %c) {equation: einsum_backward($e, 0)}
  %db = einsum(%dy, %a, %c) {equation: einsum_backward($e, 1)}
  %dc = einsum(%dy, %a, %b) {equation: einsum_backward($e, 2)}

# y = einsum(a, b, c, d):  da = einsum(dy, b, c, d), and so on
rule gradient_einsum_of_four
match
  context %y = einsum(%a, %b, %c, %d) {equation: $e}
  %da, %db, %dc, %dd = gradient(%y, %dy)
rewrite
  %da = einsum(%dy, %b, %c, %d) {equation: einsum_backward($e, 0)}
  %db = einsum(%dy, %a, %c, %d) {equation: einsum_backward($e, 1)}
  %dc = einsum(%dy, %a, %b, %d) {equation: einsum_backward($e, 2)}
  %dd = einsum(%dy, %a, %b, %c) {equation: einsum_backward($e, 3)}
