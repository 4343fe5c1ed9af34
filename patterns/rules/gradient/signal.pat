# Fourier transforms and grids: linear in what they are made of.

# y = F x, x cut or filled up to n:  dx = n F^-1 dy, filled up or cut, of numbers without a second part the first one
rule gradient_dft
match
  context %y = dft(%x, %length?) {dim: $dim, inverse: false, onesided: false}
  %dx = gradient(%y, %dy)
where
  dim(%x, $dim) > 0, dim(%y, $dim) > 0, dim(%x, -1) > 0
rewrite
  %whole = mul(dft(%dy) {dim: $dim, inverse: true}, (dim(%y, $dim)))
  %part = slice(%whole) {dim: -1, end: dim(%x, -1)}
  %dx = pad(%part) {pad: map($i in range(2 * rank(%x)), dim(%x, $dim) - dim(%y, $dim) if $i == 2 * (rank(%x) - 1 - $dim) + 1 and $dim >= 0 or $i == 1 - 2 * ($dim + 1) and $dim < 0 else 0)}
  drop %length

# y = F^-1 x, x cut or filled up to n:  dx = F dy / n, filled up or cut
rule gradient_inverse_dft
match
  context %y = dft(%x, %length?) {dim: $dim, inverse: true, onesided: false}
  %dx = gradient(%y, %dy)
where
  dim(%x, $dim) > 0, dim(%y, $dim) > 0, dim(%x, -1) > 0
rewrite
  %whole = div(dft(%dy) {dim: $dim}, (dim(%y, $dim)))
  %part = slice(%whole) {dim: -1, end: dim(%x, -1)}
  %dx = pad(%part) {pad: map($i in range(2 * rank(%x)), dim(%x, $dim) - dim(%y, $dim) if $i == 2 * (rank(%x) - 1 - $dim) + 1 and $dim >= 0 or $i == 1 - 2 * ($dim + 1) and $dim < 0 else 0)}
  drop %length

# y = the first half of F x, x real, cut or filled up to n:  dx = the first part of n F^-1 (dy, and 0 in the other half), filled up or cut
rule gradient_onesided_dft
match
  long? {
    context %y = dft(%x, %length) {dim: $dim, inverse: false, onesided: true}
  } else {
    context %y = dft(%x, _) {dim: $dim, inverse: false, onesided: true}
  }
  %dx = gradient(%y, %dy)
where
  dim(%x, $dim) > 0, dim(%x, -1) == 1, dim(%y, $dim) > 0
rewrite
  %full = pad(%dy)
    {pad: map($i in range(2 * rank(%x)), (int(%length) if long else dim(%x, $dim)) - dim(%y, $dim) if $i == 2 * (rank(%x) - 1 - $dim) + 1 and $dim >= 0 or $i == 1 - 2 * ($dim + 1) and $dim < 0 else 0)}
  %whole = mul(dft(%full) {dim: $dim, inverse: true}, (int(%length) if long else dim(%x, $dim)))
  %part = slice(%whole) {dim: -1, end: 1}
  %dx = pad(%part) {pad: map($i in range(2 * rank(%x)), dim(%x, $dim) - (int(%length) if long else dim(%x, $dim)) if $i == 2 * (rank(%x) - 1 - $dim) + 1 and $dim >= 0 or $i == 1 - 2 * ($dim + 1) and $dim < 0 else 0)}

# y = the real numbers of length n of which x is the first half of the spectrum:  dx = 2 F dy / n of each entry, the first one's and where n is even
#   the middle one's half that,   0 in what x has beyond that half
rule gradient_inverse_onesided_dft
match
  context %y = dft(%x, %length?) {dim: $dim, inverse: true, onesided: true}
  %dx = gradient(%y, %dy)
where
  dim(%x, $dim) > 0, dim(%y, $dim) > 0
rewrite
  const %n = dim(%y, $dim): i64
  const %end = dim(%y, $dim) / 2 + 1: i64
  const %entry = arange(0, %end, 1)
  const %alone = logical_or(eq(%entry, 0), eq(mul(%entry, 2), %n))
  const %shares = where(%alone, 1.0: f64, 2.0: f64)
  const %each = to(%shares) {dtype: dtype(%x)}
  %d = div(dft(%dy) {dim: $dim, onesided: true}, (dim(%y, $dim)))
  %half = mul(%d, view(%each) {size: map($i in range(rank(%x)), -1 if $i == $dim or $i == $dim + rank(%x) else 1)})
  %dx = pad(%half) {pad: map($i in range(2 * rank(%x)), dim(%x, $dim) - dim(%y, $dim) / 2 - 1 if $i == 2 * (rank(%x) - 1 - $dim) + 1 and $dim >= 0 or $i == 1 - 2 * ($dim + 1) and $dim < 0 else 0)}
  drop %length

# y = P theta^T, P the places and a 1 behind each:  dtheta = dy^T P
#
# The places are the grid of the theta that leaves everything where it is.
rule gradient_affine_grid_generator
match
  context %y = affine_grid_generator(%theta, %size) {align_corners: $align}
  %dtheta = gradient(%y, %dy)
where
  rank(%y) > 0
rewrite
  %same = tril(triu(exp(zeros_like(%theta))))
  %places = flatten(affine_grid_generator(%same, %size) {align_corners: $align}) {start_dim: 1, end_dim: rank(%y) - 2}
  %d = flatten(%dy) {start_dim: 1, end_dim: rank(%y) - 2}
  %turn = matmul(transpose(%d) {dim0: 1, dim1: 2}, %places)
  %shift = unsqueeze(sum(%d) {dim: [1]}) {dim: 2}
  %dtheta = cat(%turn, %shift) {dim: 2}

# y = F of frames of x, times the window:  dframes = n F^-1 (dy, and 0 in the other half), of which as many parts as x has,
#   dx = dframes times the window, added up where the frames came from,  dwindow = dframes times the frames
#
# Each part of the numbers is a channel of its own.
rule gradient_stft
match
  context %y = stft(%x, %w?) {n_fft: $n, hop_length: $hop}
  %dx, %dw? = gradient(%y, %dy)
where
  dim(%x, 2) > 0, dim(%x, 1) > 0, dim(%y, 1) > 0, dim(%y, 2) > 0
rewrite
  %full = pad(%dy) {pad: [0, 0, 0, $n - dim(%y, 2)]}
  %whole = mul(dft(%full) {dim: 2, inverse: true}, $n)
  %d = permute(slice(%whole) {dim: -1, end: dim(%x, 2)}) {dims: [0, 1, 3, 2]}
  %blocks = im2col(transpose(%x) {dim0: 1, dim1: 2}) {kernel_size: [$n], dilation: [1], padding: [0], stride: [$hop]}
  %frames = reshape(transpose(%blocks) {dim0: 1, dim1: 2}) {shape: [0, 0, dim(%x, 2), $n]}
  %dw? = mul(%d, %frames)
  %windowed = mul(%d, %w)   if %w else %d
  %columns = transpose(flatten(%windowed) {start_dim: 2}) {dim0: 1, dim1: 2}
  %samples = col2im(%columns) {kernel_size: [$n], dilation: [1], padding: [0], stride: [$hop], output_size: [dim(%x, 1)]}
  %dx = transpose(%samples) {dim0: 1, dim1: 2}
