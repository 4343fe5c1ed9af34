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
