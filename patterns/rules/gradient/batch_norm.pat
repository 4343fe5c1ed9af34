# Batch norms, and what stands around them in quantization-aware training.

# y = (x - m) s w + b,  s = 1 / sqrt(v + eps),  xn = (x - m) s,  m and v results too, all sums over the n elements of a channel:
#   db = sum(dy),  dw = sum(dy xn),  dx = w s dy,  and in training, where m and v are of x,
#   + (dm - w s db) / n + (2 dv - w s^2 dw) (x - m) / n
#
# Nothing flows to running statistics, nor through their next values: they are kept beside what is trained.
rule gradient_batch_norm
match
  context %y, %m1?, %v1?, %n1?, %m, %v = batch_norm(%x, %w?, %b?, %mean?, %var?, %n?) {training: $training, eps: $eps}
  %dx, %dw?, %db? = gradient(%y, %dy?, %dm1?, %dv1?, %dn1?, %dm?, %dv?)
rewrite
  drop %dm1
  drop %dv1
  drop %dn1
  %dx, %dw?, %db? = batch_norm_backward(%dy?, %x, %w?, %m, %v, %dm?, %dv?) {training: $training, eps: $eps}

# s = w / sqrt(v + eps):  dw = dy / sqrt(v + eps),  dv = -dy s / (2 (v + eps)),   both 0 where s was replaced by 1
#
# Where gamma is zero or tiny the training form goes by 1, which does not change with gamma: it learns through the batch norm.
rule gradient_bn_scale
match
  context %s = bn_scale(%w?, %v) {..$how}
  %dw?, %dv = gradient(%s, %dy)
rewrite
  %dw, %dv = bn_scale_backward(%dy, %w?, %v) {..$how}

# y = (c - m) s + b:  dc = dy s,  dm = -dy s,  db = dy,  ds = dy (c - m),   c: 0 where absent
rule gradient_bn_shift
match
  context %y = bn_shift(%c?, %m, %b?, %s)
  %dc?, %dm, %db?, %ds = gradient(%y, %dy)
rewrite
  %d = mul(%dy, %s)
  %dc? = %d
  %dm = neg(%d)
  %db? = %dy
  %from = sub(%c, %m) if %c else neg(%m)
  %ds = mul(%dy, %from)

# y[.., j, ..] = x[j] along an axis:  dx = dy;   with groups, rows of part g have x[g n ..]: dx = sum of them
rule gradient_channel
match
  context %y = channel(%x, %like) {groups: $groups}
  %dx = gradient(%y, %dy)
rewrite
  %parts = reshape(%dy) {shape: [$groups, -1, dim(%x, 0) / $groups]}
  %sum = sum(%parts) {dim: [1]}
  %dx = reshape(%sum) {shape: [-1]}
