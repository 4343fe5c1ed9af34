# fake_quantize(x, s, z)  ==>  fake_quantize(x, s, integer of clamp(round(z), quant_min, quant_max)),   z of f32
#
# What fake_quantize makes of a zero point of f32, a learned one, spelt out: from here on it is the integer that was trained
# with. Gradients are over, and so is what scaled them.
rule round_zero_point
match
  %y = fake_quantize(%x, %s, %z) {quant_min: $min, quant_max: $max, drop use_grad_scaling, ..$how}
where
  dtype(%z) == f32, const(%z), no_spec(..)
rewrite
  const %r = round(%z)
  const %c = hardtanh(%r) {min_val: $min, max_val: $max}
  const %i = to(%c) {dtype: i32}   named %z   kind constant
  %y = fake_quantize(%x, %s, %i) {quant_min: $min, quant_max: $max, ..$how}

# The same of one that is computed at run time.
rule round_zero_point_computed
match
  %y = fake_quantize(%x, %s, %z) {quant_min: $min, quant_max: $max, drop use_grad_scaling, ..$how}
where
  dtype(%z) == f32, not const(%z), no_spec(..)
rewrite
  %r = round(%z)
  %c = hardtanh(%r) {min_val: $min, max_val: $max}
  %i = to(%c) {dtype: i32}
  %y = fake_quantize(%x, %s, %i) {quant_min: $min, quant_max: $max, ..$how}
