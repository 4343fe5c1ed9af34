# Activations, with PyTorch's choice at their kinks.

# y = max(x, 0):  dx = dy where y > 0, else 0
rule gradient_relu
match
  context %y = relu(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = where(le(%y, 0.0), 0.0, %dy)

# y = min(max(x, low), high):  dx = dy where low < x < high, else 0
rule gradient_hardtanh
match
  context %y = hardtanh(%x) {min_val: $low, max_val: $high}
  %dx = gradient(%y, %dy)
rewrite
  %out = logical_or(le(%x, $low), ge(%x, $high))
  %dx = where(%out, 0.0, %dy)

# y = x hardtanh(x + 3, 0, 6) / 6:  dx = 0 below -3, dy above 3, dy (x / 3 + 1/2) between
rule gradient_hardswish
match
  context %y = hardswish(%x)
  %dx = gradient(%y, %dy)
rewrite
  %between = mul(%dy, add(div(%x, 3.0), 0.5))
  %dx = where(lt(%x, -3.0), 0.0, where(le(%x, 3.0), %between, %dy))

# y = min(max(alpha x + beta, 0), 1):  dx = alpha dy where 0 < y < 1, else 0
rule gradient_hardsigmoid
match
  context %y = hardsigmoid(%x) {alpha: $alpha}
  %dx = gradient(%y, %dy)
rewrite
  %in = logical_and(gt(%y, 0.0), lt(%y, 1.0))
  %dx = where(%in, mul(%dy, $alpha), 0.0)

# y = sigmoid(x):  dx = dy y (1 - y)
rule gradient_sigmoid
match
  context %y = sigmoid(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = mul(%dy, mul(%y, add(neg(%y), 1.0)))

# y = x s,  s = sigmoid(x):  dx = dy s (1 + x (1 - s))
rule gradient_silu
match
  context %y = silu(%x)
  %dx = gradient(%y, %dy)
rewrite
  %s = sigmoid(%x)
  %dx = mul(mul(%dy, %s), add(mul(%x, add(neg(%s), 1.0)), 1.0))

# y = x Phi(x):  dx = dy (Phi(x) + x phi(x)),   Phi(x) = (1 + erf(x / sqrt 2)) / 2,  phi(x) = exp(-x^2 / 2) / sqrt(2 pi)
rule gradient_gelu
match
  context %y = gelu(%x) {approximate: "none"}
  %dx = gradient(%y, %dy)
rewrite
  %cdf = mul(add(erf(mul(%x, 0.7071067811865476)), 1.0), 0.5)
  %pdf = mul(exp(mul(mul(%x, %x), -0.5)), 0.3989422804014327)
  %dx = mul(%dy, add(%cdf, mul(%x, %pdf)))

# y = x (1 + t) / 2,  t = tanh(k (x + c x^3)):  dx = dy ((1 + t) / 2 + x (1 - t^2) k (1 + 3 c x^2) / 2),   k = sqrt(2 / pi), c = 0.044715
rule gradient_gelu_tanh
match
  context %y = gelu(%x) {approximate: "tanh"}
  %dx = gradient(%y, %dy)
rewrite
  %xx = mul(%x, %x)
  %t = tanh(mul(mul(%x, add(mul(%xx, 0.044715), 1.0)), 0.7978845608028654))
  %slope = mul(add(mul(%xx, 0.134145), 1.0), 0.3989422804014327)
  %right = mul(mul(%x, add(neg(mul(%t, %t)), 1.0)), %slope)
  %dx = mul(%dy, add(mul(add(%t, 1.0), 0.5), %right))

# y = x where x > 0, else slope x:  dx = dy where x > 0, else slope dy
rule gradient_leaky_relu
match
  context %y = leaky_relu(%x) {negative_slope: $slope}
  %dx = gradient(%y, %dy)
rewrite
  %dx = where(gt(%x, 0.0), %dy, mul(%dy, $slope))

# y = x where x > 0, else alpha (exp(x) - 1):  dx = dy where x > 0, else dy alpha exp(x)
rule gradient_elu
match
  context %y = elu(%x) {alpha: $alpha}
  %dx = gradient(%y, %dy)
rewrite
  %dx = where(gt(%x, 0.0), %dy, mul(%dy, mul(exp(%x), $alpha)))

# y = scale elu(x, alpha):  dx = scale dy where x > 0, else scale dy alpha exp(x)
rule gradient_selu
match
  context %y = selu(%x) {alpha: $alpha, scale: $scale}
  %dx = gradient(%y, %dy)
rewrite
  %d = mul(%dy, $scale)
  %dx = where(gt(%x, 0.0), %d, mul(%d, mul(exp(%x), $alpha)))

# y = x where x > 0, else alpha (exp(x / alpha) - 1):  dx = dy where x > 0, else dy exp(x / alpha)
rule gradient_celu
match
  context %y = celu(%x) {alpha: $alpha}
  %dx = gradient(%y, %dy)
rewrite
  %dx = where(gt(%x, 0.0), %dy, mul(%dy, exp(div(%x, $alpha))))

# y = log(1 + exp(beta x)) / beta:  dx = dy sigmoid(beta x); dy where beta x > threshold
rule gradient_softplus
match
  context %y = softplus(%x) {beta: $beta, threshold: $threshold}
  %dx = gradient(%y, %dy)
rewrite
  %z = mul(%x, $beta)
  %dx = where(gt(%z, $threshold), %dy, mul(%dy, sigmoid(%z)))

# y = log(sigmoid(x)):  dx = dy sigmoid(-x)
rule gradient_logsigmoid
match
  context %y = logsigmoid(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = mul(%dy, sigmoid(neg(%x)))

# y = x / (1 + |x|):  dx = dy / (1 + |x|)^2
rule gradient_softsign
match
  context %y = softsign(%x)
  %dx = gradient(%y, %dy)
rewrite
  %d = add(abs(%x), 1.0)
  %dx = div(%dy, mul(%d, %d))

# y = x t,  t = tanh(softplus(x)):  dx = dy (t + x sigmoid(x) (1 - t^2))
rule gradient_mish
match
  context %y = mish(%x)
  %dx = gradient(%y, %dy)
rewrite
  %t = tanh(softplus(%x))
  %slope = mul(sigmoid(%x), add(neg(mul(%t, %t)), 1.0))
  %dx = mul(%dy, add(%t, mul(%x, %slope)))

# y = x where x > threshold, else value:  dx = dy where x > threshold, else 0
rule gradient_threshold
match
  context %y = threshold(%x) {threshold: $threshold}
  %dx = gradient(%y, %dy)
rewrite
  %dx = where(le(%x, $threshold), 0.0, %dy)

# y = x, or x nearer to 0, where |x| > lambd, else 0:  dx = dy where |x| > lambd, else 0
rule gradient_shrink
match
  context %y = hardshrink|softshrink:c(%x) {lambd: $lambd}
  %dx = gradient(%y, %dy)
rewrite
  %dx = where(le(abs(%x), $lambd), 0.0, %dy)

# y = x where x > 0, else w x:  dx = dy or w dy,  dw = x dy where x <= 0, else 0
rule gradient_prelu
match
  context %y = prelu(%x, %w)
  %dx, %dw = gradient(%y, %dy)
rewrite
  %up = gt(%x, 0.0)
  %dx = where(%up, %dy, mul(%dy, %w))
  %dw = where(%up, 0.0, mul(%dy, %x))
