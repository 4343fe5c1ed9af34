# Fourier transforms and grids: linear in what they are made of.

# y = F x:  dx = n F^-1 dy, of numbers without a second part the first one
rule gradient_dft
match
  context %y = dft(%x, _) {dim: $dim, inverse: false, onesided: false}
  %dx = gradient(%y, %dy)
where
  dim(%x, $dim) > 0, dim(%x, -1) > 0
rewrite
  %whole = mul(dft(%dy) {dim: $dim, inverse: true}, (dim(%x, $dim)))
  %dx = slice(%whole) {dim: -1, end: dim(%x, -1)}

# y = F^-1 x:  dx = F dy / n
rule gradient_inverse_dft
match
  context %y = dft(%x, _) {dim: $dim, inverse: true, onesided: false}
  %dx = gradient(%y, %dy)
where
  dim(%x, $dim) > 0, dim(%x, -1) > 0
rewrite
  %whole = div(dft(%dy) {dim: $dim}, (dim(%x, $dim)))
  %dx = slice(%whole) {dim: -1, end: dim(%x, -1)}

# y = the first half of F x, x real:  dx = the first part of n F^-1 (dy, and 0 in the other half)
rule gradient_onesided_dft
match
  context %y = dft(%x, _) {dim: $dim, inverse: false, onesided: true}
  %dx = gradient(%y, %dy)
where
  dim(%x, $dim) > 0, dim(%x, -1) == 1, dim(%y, $dim) > 0
rewrite
  %full = pad(%dy)
    {pad: map($i in range(2 * rank(%x)), dim(%x, $dim) - dim(%y, $dim) if $i == 2 * (rank(%x) - 1 - $dim) + 1 and $dim >= 0 or $i == 1 - 2 * ($dim + 1) and $dim < 0 else 0)}
  %whole = mul(dft(%full) {dim: $dim, inverse: true}, (dim(%x, $dim)))
  %dx = slice(%whole) {dim: -1, end: 1}

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

# y = F of frames of x, times the window:  dframes = n F^-1 (dy, and 0 in the other half) of which the first part,
#   dx = dframes times the window, added up where the frames came from,  dwindow = dframes times the frames
rule gradient_stft
match
  context %y = stft(%x, %w?) {n_fft: $n, hop_length: $hop}
  %dx, %dw? = gradient(%y, %dy)
where
  dim(%x, 2) == 1, dim(%x, 1) > 0, dim(%y, 2) > 0
rewrite
  %full = pad(%dy) {pad: [0, 0, 0, $n - dim(%y, 2)]}
  %whole = mul(dft(%full) {dim: 2, inverse: true}, $n)
  %d = squeeze(slice(%whole) {dim: -1, end: 1}) {dim: [3]}
  %frames = im2col(transpose(%x) {dim0: 1, dim1: 2}) {kernel_size: [$n], dilation: [1], padding: [0], stride: [$hop]}
  %dw? = mul(%d, transpose(%frames) {dim0: 1, dim1: 2})
  %windowed = mul(%d, %w)   if %w else %d
  %samples = col2im(transpose(%windowed) {dim0: 1, dim1: 2})
    {kernel_size: [$n], dilation: [1], padding: [0], stride: [$hop], output_size: [dim(%x, 1)]}
  %dx = transpose(%samples) {dim0: 1, dim1: 2}
