# Gradients of gradients: what an op of the other files does is linear in dy, and what flows back through it is the op itself.

# y = slice_backward(d):  dd = slice(dy)
rule gradient_slice_backward
match
  context %y = slice_backward(%d, %like, %start?, %end?, %step?) {..$how}
  %dd = gradient(%y, %dy)
rewrite
  %dd = slice(%dy, %start?, %end?, %step?) {..$how}

# y = index_select_backward(d):  dd = index_select(dy)
rule gradient_index_select_backward
match
  context %y = index_select_backward(%d, %like, %index) {..$how}
  %dd = gradient(%y, %dy)
rewrite
  %dd = index_select(%dy, %index) {..$how}

# y = pad_backward(d):  dd = pad(dy), with zeros where pad has a number
rule gradient_pad_backward
match
  context %y = pad_backward(%d, %like, %fill?, %pads?) {pad: $pad, mode: $mode}
  %dd = gradient(%y, %dy)
rewrite
  %dd = pad(%dy, _, %pads?) {pad: $pad, mode: $mode}

# y = resize_backward(d):  dd = resize(dy), with zeros outside
rule gradient_resize_backward
match
  context %y = resize_backward(%d, %like, %sizes?, %factors?) {scales: $scales, mode: $mode, coordinates: $to, rounding: $rounding,
    cubic_coeff_a: $a, exclude_outside: $exclude, antialias: $anti, roi: $roi}
  %dd = gradient(%y, %dy)
rewrite
  %dd = resize(%dy, %sizes?, %factors?) {scales: $scales, mode: $mode, coordinates: $to, rounding: $rounding,
    cubic_coeff_a: $a, exclude_outside: $exclude, antialias: $anti, roi: $roi}

# The parts of d:  dd = what flows to them, next to each other
rule gradient_cat_backward
match
  context %y = cat_backward(%d, ..%tensors) {dim: $dim}
  %dd = gradient(%y, ..%dys)
where
  static_shape(..%tensors)
rewrite
  %dd = cat(..%dys) {dim: $dim}

# y = s (d - sum(d s)):  dd = s (dy - sum(dy s)),  ds = dy (d - sum(d s)) - d sum(dy s)
rule gradient_softmax_backward
match
  context %y = softmax_backward(%d, %s) {dim: $dim}
  %dd, %ds = gradient(%y, %dy)
rewrite
  %dd = softmax_backward(%dy, %s) {dim: $dim}
  %left = mul(%dy, sub(%d, sum(mul(%d, %s)) {dim: [$dim], keepdim: true}))
  %ds = sub(%left, mul(%d, sum(mul(%dy, %s)) {dim: [$dim], keepdim: true}))

# y = d - exp(p) sum(d):  dd = dy - sum(dy exp(p)),  dp = -dy exp(p) sum(d)
rule gradient_log_softmax_backward
match
  context %y = log_softmax_backward(%d, %p) {dim: $dim}
  %dd, %dp = gradient(%y, %dy)
rewrite
  %flows = mul(%dy, exp(%p))
  %dd = sub(%dy, sum(%flows) {dim: [$dim], keepdim: true})
  %dp = neg(mul(%flows, sum(%d) {dim: [$dim], keepdim: true}))

# What the mask leaves of d, over 1 - p:  dd = of dy
rule gradient_dropout_backward
match
  context %y = dropout_backward(%d, %mask) {p: $p}
  %dd = gradient(%y, %dy)
rewrite
  %dd = dropout_backward(%dy, %mask) {p: $p}

# What lies in the range of d:  dd = of dy;   straight through, the range does not change with x
rule gradient_fake_quantize_backward
match
  context %y = fake_quantize_backward(%d, %x, %scale, %zero) {..$how}
  %dd, %dx = gradient(%y, %dy)
rewrite
  %dd = fake_quantize_backward(%dy, %x, %scale, %zero) {..$how}
  %dx = zeros_like(%x)

# y = 2 d (x - t), or that / n:  dd = 2 dy (x - t), of all x where d is one,  dx = 2 d dy,  dt = -dx,  or those / n
rule gradient_mse_loss_backward
match
  context %y = mse_loss_backward(%d, %x, %t) {reduction: $reduction}
  %dd, %dx, %dt = gradient(%y, %dy)
rewrite
  %g = div(%dy, to(numel(%x)) {dtype: dtype(%x)})   if $reduction == "mean" else %dy
  %dd = mse_loss_backward(%g, %x, %t) {reduction: "none"}
  %twice = mul(mul(%g, %d), 2.0)
  %dx = %twice
  %dt = neg(%twice)

# y = d sign(x - t), or that / n:  dd = dy sign(x - t), or that / n, of all x where d is one,  dx = 0,  dt = 0
rule gradient_l1_loss_backward
match
  context %y = l1_loss_backward(%d, %x, %t) {reduction: $reduction}
  %dd, %dx, %dt = gradient(%y, %dy)
rewrite
  %g = div(%dy, to(numel(%x)) {dtype: dtype(%x)})   if $reduction == "mean" else %dy
  %dd = l1_loss_backward(%g, %x, %t) {reduction: "none"}
  %dx = zeros_like(%x)
  %dt = zeros_like(%t)

# y = d w ((1 - t) - (1 + (p - 1) t) s),  s = sigmoid(-x),  or that / n:  dd = dy y / d, of all x where d is one,
#   dx = d dy w (1 + (p - 1) t) s (1 - s),  dt = -d dy w (1 + (p - 1) s),  dw = dy y / w,  dp = -d dy w t s,  or those / n
rule gradient_binary_cross_entropy_with_logits_backward
match
  context %y = binary_cross_entropy_with_logits_backward(%d, %x, %t, %w?, %p?) {reduction: $reduction}
  %dd, %dx, %dt, %dw?, %dp? = gradient(%y, %dy)
rewrite
  %g = div(%dy, to(numel(%x)) {dtype: dtype(%x)})   if $reduction == "mean" else %dy
  %dd = binary_cross_entropy_with_logits_backward(%g, %x, %t, %w?, %p?) {reduction: "none"}
  %each = mul(%g, %d)
  %by = mul(%each, %w)   if %w else %each
  %s = sigmoid(neg(%x))
  %more = sub(%p, 1.0)   if %p else zeros_like(%x)
  %dx = mul(%by, mul(add(mul(%more, %t), 1.0), sub(%s, mul(%s, %s))))
  %dt = neg(mul(%by, add(mul(%more, %s), 1.0)))
  %dw? = mul(%each, sub(add(neg(%t), 1.0), mul(add(mul(%more, %t), 1.0), %s)))
  %dp? = neg(mul(%by, mul(%t, %s)))

# y = -d w at the target, 0 elsewhere, or that / the sum of the weights:  dd = nll_loss(dy)
rule gradient_nll_loss_backward
match
  context %y = nll_loss_backward(%d, %like, %target, %w?) {..$how}
  %dd = gradient(%y, %dy)
rewrite
  %dd = nll_loss(%dy, %target, %w?) {..$how}

# y = g - exp(p) sum(g),  g = nll_loss_backward(d) + more:  q = dy - sum(dy exp(p)) flows to g,
#   dd = nll_loss(q),  dmore = q,  dp = -dy exp(p) sum(g)
rule gradient_cross_entropy_loss_backward
match
  context %y = cross_entropy_loss_backward(%d, %p, %target, %w?, %more?) {reduction: $reduction, ignore_index: $ignore, label_smoothing: 0.0}
  %dd, %dp, %dtarget, %dw?, %dmore? = gradient(%y, %dy)
where
  rank(%p) > 0
rewrite
  %flows = mul(%dy, exp(%p))
  %q = sub(%dy, sum(%flows) {dim: [1 if rank(%p) > 1 else 0], keepdim: true})
  %dd = nll_loss(%q, %target, %w?) {reduction: $reduction, ignore_index: $ignore}
  %of_loss = nll_loss_backward(%d, %p, %target, %w?) {reduction: $reduction, ignore_index: $ignore}
  %g = add(%of_loss, %more)   if %more else %of_loss
  %dp = neg(mul(%flows, sum(%g) {dim: [1 if rank(%p) > 1 else 0], keepdim: true}))
  %dtarget = zeros_like(%target)
  %dw? = none
  %dmore? = %q

# What flows to windows of one axis, shared among their elements:  dd = the mean of each window
rule gradient_avg_pool_backward_1d
match
  context %y = avg_pool_backward(%d, %like) {kernel_size: $size, ..$how}
  %dd = gradient(%y, %dy)
where
  length($size) == 1
rewrite
  %dd = avg_pool1d(%dy) {kernel_size: $size, ..$how}

# What flows to windows of two axes, shared among their elements:  dd = the mean of each window
rule gradient_avg_pool_backward_2d
match
  context %y = avg_pool_backward(%d, %like) {kernel_size: $size, ..$how}
  %dd = gradient(%y, %dy)
where
  length($size) == 2
rewrite
  %dd = avg_pool2d(%dy) {kernel_size: $size, ..$how}

# What flows to windows of three axes, shared among their elements:  dd = the mean of each window
rule gradient_avg_pool_backward_3d
match
  context %y = avg_pool_backward(%d, %like) {kernel_size: $size, ..$how}
  %dd = gradient(%y, %dy)
where
  length($size) == 3
rewrite
  %dd = avg_pool3d(%dy) {kernel_size: $size, ..$how}

# What flows to so many windows of one axis, shared among their elements:  dd = the mean of each window
rule gradient_adaptive_avg_pool_backward_1d
match
  context %y = adaptive_avg_pool_backward(%d, %like)
  %dd = gradient(%y, %dy)
where
  rank(%d) == 3
rewrite
  %dd = adaptive_avg_pool1d(%dy) {output_size: extents(%d, 2, none)}

# What flows to so many windows of two axes, shared among their elements:  dd = the mean of each window
rule gradient_adaptive_avg_pool_backward_2d
match
  context %y = adaptive_avg_pool_backward(%d, %like)
  %dd = gradient(%y, %dy)
where
  rank(%d) == 4
rewrite
  %dd = adaptive_avg_pool2d(%dy) {output_size: extents(%d, 2, none)}

# What flows to so many windows of three axes, shared among their elements:  dd = the mean of each window
rule gradient_adaptive_avg_pool_backward_3d
match
  context %y = adaptive_avg_pool_backward(%d, %like)
  %dd = gradient(%y, %dy)
where
  rank(%d) == 5
rewrite
  %dd = adaptive_avg_pool3d(%dy) {output_size: extents(%d, 2, none)}

# d added up at its places in planes, 0 elsewhere:  dd = dy at those places
rule gradient_max_pool_backward
match
  context %y = max_pool_backward(%d, %index, %like)
  %dd = gradient(%y, %dy)
rewrite
  %planes = flatten(%dy) {start_dim: 2}
  %places = flatten(%index) {start_dim: 2}
  %dd = reshape(gather(%planes, %places) {dim: 2}, shape(%d))

# d added up by the weights of samples in boxes:  dd = the means of those samples
rule gradient_roi_align_backward
match
  context %y = roi_align_backward(%d, %like, %rois) {mode: "avg", spatial_scale: $scale, pooled_height: $h, pooled_width: $w, sampling_ratio: $ratio, aligned: $aligned}
  %dd = gradient(%y, %dy)
rewrite
  %dd = roi_align(%dy, %rois) {mode: "avg", spatial_scale: $scale, pooled_height: $h, pooled_width: $w, sampling_ratio: $ratio, aligned: $aligned}
