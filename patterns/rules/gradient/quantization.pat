# Fake-quantization, and dropout.

# y = dequantize(quantize(x)):  dx = dy where the code of x lies in the range before it is clamped, else 0
#
# Straight through (Bengio et al. 2013): rounding counts as the identity. No gradient of the scale is asked for.
rule gradient_fake_quantize
match
  context %y = fake_quantize(%x, %scale, %zero) {drop use_grad_scaling, ..$how}
  %dx = gradient(%y, %dy)
where
  dtype(%zero) == i32
rewrite
  %dx = fake_quantize_backward(%dy, %x, %scale, %zero) {..$how}

# y = dequantize(quantize(x)), with a scale that is learned:  dx as above,  dscale = sum(dy ((y - x) / scale)) where the code lies
#   in the range, sum(dy (bound - zero)) where it was clamped
#
# LSQ (Esser et al. 2020). The zero point is an integer, and nothing flows to it.
rule gradient_fake_quantize_learnable
match
  context %y = fake_quantize(%x, %scale, %zero) {..$how}
  %dx, %dscale = gradient(%y, %dy)
where
  dtype(%zero) == i32
rewrite
  %dx, %dscale = fake_quantize_learnable_backward(%dy, %x, %scale, %zero) {..$how}

# The same with a zero point that is learned:  dzero = sum(-dy scale) where the code was clamped
#
# LSQ+ (Bhalgat et al. 2020), as PyTorch's learnable fake-quantizers have it: the zero point is rounded and clamped to the range, which
# counts as the identity.
rule gradient_fake_quantize_learned_zero_point
match
  context %y = fake_quantize(%x, %scale, %zero) {..$how}
  %dx, %dscale, %dzero = gradient(%y, %dy)
where
  dtype(%zero) == f32
rewrite
  %dx, %dscale, %dzero = fake_quantize_learnable_backward(%dy, %x, %scale, %zero) {..$how}

# y = x mask / (1 - p):  dx = dy mask / (1 - p),   with the mask that was drawn
rule gradient_dropout
match
  context %y, %mask = dropout(%x) {training: true, p: $p}
  %dx = gradient(%y, %dy)
rewrite
  %dx = dropout_backward(%dy, %mask) {p: $p}

# y = x, in evaluation:  dx = dy
rule gradient_dropout_off
match
  context %y = dropout(%x) {training: false}
  %dx = gradient(%y, %dy)
rewrite
  %dx = %dy
