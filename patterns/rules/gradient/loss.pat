# Losses and softmax.

# y = -w[t] x[t], or its sum, or mean by weight:  dx[t] = -dy w[t],  or that / the sum of the weights
rule gradient_nll_loss
match
  context %y = nll_loss(%x, %target, %w?) {..$how}
  %dx = gradient(%y, %dy)
rewrite
  %dx = nll_loss_backward(%dy, %x, %target, %w?) {..$how}

# y = nll_loss(p, t), p = log_softmax(x):  dx = g - exp(p) sum(g),   g what flows to p
rule gradient_cross_entropy_loss
match
  context %y, %p = cross_entropy_loss(%x, %target, %w?) {..$how}
  %dx = gradient(%y, %dy?, %dp?)
rewrite
  %dx = cross_entropy_loss_backward(%dy?, %p, %target, %w?, %dp?) {..$how}

# y = (x - t)^2, or their sum or mean over n:  dx = 2 dy (x - t),  or that / n,  dt = -dx
rule gradient_mse_loss
match
  context %y = mse_loss(%x, %t) {..$how}
  %dx, %dt = gradient(%y, %dy)
rewrite
  %d = mse_loss_backward(%dy, %x, %t) {..$how}
  %dx = %d
  %dt = neg(%d)

# y = |x - t|, or their sum or mean over n:  dx = dy sign(x - t),  or that / n,  dt = -dx
rule gradient_l1_loss
match
  context %y = l1_loss(%x, %t) {..$how}
  %dx, %dt = gradient(%y, %dy)
rewrite
  %d = l1_loss_backward(%dy, %x, %t) {..$how}
  %dx = %d
  %dt = neg(%d)

# y = w ((1 - t) x + (1 + (p - 1) t) l),  l = log(1 + exp(-x)),  or their sum or mean over n:
#   dx = dy w ((1 - t) - (1 + (p - 1) t) / (1 + exp(x))),  dt = dy w ((p - 1) l - x),  dw = dy y / w,  dp = dy w t l,  or those / n
rule gradient_binary_cross_entropy_with_logits
match
  context %y = binary_cross_entropy_with_logits(%x, %t, %w?, %p?) {reduction: $reduction}
  %dx, %dt, %dw?, %dp? = gradient(%y, %dy)
rewrite
  %dx = binary_cross_entropy_with_logits_backward(%dy, %x, %t, %w?, %p?) {reduction: $reduction}
  %d = div(%dy, to(numel(%x)) {dtype: dtype(%x)})   if $reduction == "mean" else %dy
  %by = mul(%d, %w)   if %w else %d
  %l = neg(logsigmoid(%x))
  %more = mul(sub(%p, 1.0), %l)   if %p else zeros_like(%x)
  %dt = mul(%by, sub(%more, %x))
  %dw? = mul(%d, add(sub(add(%x, %l), mul(%x, %t)), mul(%more, %t)))
  %dp? = mul(%by, mul(%t, %l))

# y = softmax(x):  dx = y (dy - sum(dy y))
rule gradient_softmax
match
  context %y = softmax(%x) {..$how}
  %dx = gradient(%y, %dy)
rewrite
  %dx = softmax_backward(%dy, %y) {..$how}

# y = log_softmax(x):  dx = dy - exp(y) sum(dy)
rule gradient_log_softmax
match
  context %y = log_softmax(%x) {..$how}
  %dx = gradient(%y, %dy)
rewrite
  %dx = log_softmax_backward(%dy, %y) {..$how}
