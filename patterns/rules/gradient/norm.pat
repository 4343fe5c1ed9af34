# Norms: with h what x is normalized to, and g = dy * weight what flows there,
#   dx = rstd (g - mean(g) - h mean(g h)),  dweight = dy h,  dbias = dy,  each summed over what weight and bias were broadcast to.

# y = h weight + bias,  h = (x - mean) rstd  over the last axes;  where mean and rstd are read too, dx gets
#   (dmean - h rstd^2 drstd) / n  more, n elements in each mean
rule gradient_layer_norm
match
  context %y, %m?, %r? = layer_norm(%x, %w?, %b?) {normalized_shape: $shape, eps: $eps}
  %dx, %dw?, %db? = gradient(%y, %dy?, %dm?, %dr?)
rewrite
  %mean = mean(%x) {dim: map($i in range(length($shape)), $i - length($shape)), keepdim: true}
  %c = sub(%x, %mean)
  %var = mean(mul(%c, %c)) {dim: map($i in range(length($shape)), $i - length($shape)), keepdim: true}
  %rstd = rsqrt(add(%var, $eps))
  %h = mul(%c, %rstd)
  %d = %dy   if %dy else zeros_like(%x)
  %g = mul(%d, %w)   if %w else %d
  %g1 = mean(%g) {dim: map($i in range(length($shape)), $i - length($shape)), keepdim: true}
  %g2 = mean(mul(%g, %h)) {dim: map($i in range(length($shape)), $i - length($shape)), keepdim: true}
  %from_y = mul(sub(sub(%g, %g1), mul(%h, %g2)), %rstd)
  %n = to(div(numel(%x), numel(%mean))) {dtype: dtype(%x)}
  %from_m = add(%from_y, div(%dm, %n))   if %dm else %from_y
  %dx = sub(%from_m, div(mul(mul(%dr, mul(%rstd, %rstd)), %h), %n))   if %dr else %from_m
  %dw? = mul(%d, %h)
  %db? = %d

# y = h weight,  h = x / sqrt(mean(x^2) + eps):  dx = rstd (g - h mean(g h)),  g = dy weight
rule gradient_rms_norm
match
  context %y = rms_norm(%x, %w?) {normalized_shape: $shape, eps: $eps}
  %dx, %dw? = gradient(%y, %dy)
rewrite
  %var = mean(mul(%x, %x)) {dim: map($i in range(length($shape)), $i - length($shape)), keepdim: true}
  %rstd = rsqrt(add(%var, $eps))
  %h = mul(%x, %rstd)
  %g = mul(%dy, %w)   if %w else %dy
  %g2 = mean(mul(%g, %h)) {dim: map($i in range(length($shape)), $i - length($shape)), keepdim: true}
  %dx = mul(sub(%g, mul(%h, %g2)), %rstd)
  %dw? = mul(%dy, %h)

# The same over each group of channels with their positions, weight and bias by channel
rule gradient_group_norm
match
  groups? {
    context %y = group_norm(%x, %w?, %b?) {num_groups: $groups, eps: $eps}
  } else {
    context %y = instance_norm(%x, %w?, %b?) {eps: $eps}
  }
  %dx, %dw?, %db? = gradient(%y, %dy)
rewrite
  if groups {
    %xs = reshape(%x) {shape: [0, $groups, -1]}
  } else {
    %xs = reshape(%x) {shape: [0, 0, -1]}
  }
  %g = mul(%dy, channel(%w, %x) {axis: 1})   if %w else %dy
  if groups {
    %gs = reshape(%g) {shape: [0, $groups, -1]}
  } else {
    %gs = reshape(%g) {shape: [0, 0, -1]}
  }
  %mean = mean(%xs) {dim: [2], keepdim: true}
  %c = sub(%xs, %mean)
  %var = mean(mul(%c, %c)) {dim: [2], keepdim: true}
  %rstd = rsqrt(add(%var, $eps))
  %h = mul(%c, %rstd)
  %g1 = mean(%gs) {dim: [2], keepdim: true}
  %g2 = mean(mul(%gs, %h)) {dim: [2], keepdim: true}
  %d = mul(sub(sub(%gs, %g1), mul(%h, %g2)), %rstd)
  %dx = reshape(%d, shape(%x))
  %dw? = sum(mul(%dy, reshape(%h, shape(%x)))) {dim: map($i in range(rank(%x) - 1), 0 if $i == 0 else $i + 1)}
  %db? = sum(%dy) {dim: map($i in range(rank(%x) - 1), 0 if $i == 0 else $i + 1)}

# y = x s^-beta,  s = k + alpha mean(x^2 of neighbouring channels):  dx = dy s^-beta - 2 alpha beta x mean'(dy x s^(-beta - 1))
#
# mean' takes the same number of channels, of which as many lie behind as mean's lie before: each channel gets from those it is a neighbour of.
rule gradient_local_response_norm
match
  context %y = local_response_norm(%x) {size: $size, alpha: $alpha, beta: $beta, k: $k}
  %dx = gradient(%y, %dy)
where
  rank(%x) >= 2
rewrite
  %x3 = unsqueeze(%x) {dim: 2}   if rank(%x) == 2 else %x
  %d3 = unsqueeze(%dy) {dim: 2}   if rank(%x) == 2 else %dy
  %xs = flatten(unsqueeze(%x3) {dim: 1}) {start_dim: 3}
  %ds = flatten(unsqueeze(%d3) {dim: 1}) {start_dim: 3}
  %before = pad(mul(%xs, %xs)) {pad: [0, 0, $size / 2, ($size - 1) / 2]}
  %s = add(mul(avg_pool2d(%before) {kernel_size: [$size, 1]}, $alpha), $k)
  %p = pow(%s, (-$beta))
  %q = div(mul(mul(%ds, %xs), %p), %s)
  %behind = pad(%q) {pad: [0, 0, ($size - 1) / 2, $size / 2]}
  %t = mul(mul(avg_pool2d(%behind) {kernel_size: [$size, 1]}, %xs), $alpha * $beta * 2.0)
  %dx = reshape(sub(mul(%ds, %p), %t), shape(%x))

# y = x / n,  n = max(sum(|x|^p)^(1/p), eps):  dx = (dy - sum(dy y) sign(x) (|x| / n)^(p - 1)) / n, without the sum where n is eps
rule gradient_normalize
match
  context %y = normalize(%x) {p: $p, dim: $dim, eps: $eps}
  %dx = gradient(%y, %dy)
rewrite
  %norm = linalg_vector_norm(%x) {ord: $p, dim: [$dim], keepdim: true}
  %n = maximum(%norm, $eps)
  %total = sum(mul(%dy, %y)) {dim: [$dim], keepdim: true}
  %slope = mul(sign(%x), pow(div(abs(%x), %n), $p - 1.0))
  %part = where(logical_or(le(%norm, $eps), eq(%x, 0.0)), 0.0, mul(%slope, %total))
  %dx = where(eq(%n, 0.0), 0.0, div(sub(%dy, %part), %n))
