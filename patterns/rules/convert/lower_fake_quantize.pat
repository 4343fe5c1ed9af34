# fake_quantize(x, s, z)  ==>  DQ(Q(x, s, z), s, z)
# The definition of fake_quantize, computed in integers; equal but for the rounding of x * (1 / s). `enabled` says whether
# training sees the rounding: what was only observed so far (post-training) is quantized from here on. Without an axis there
# are no groups.
rule lower_fake_quantize_per_tensor mark converted
match
  %y = fake_quantize(%x, %s, %z) {axis: none, drop groups, drop enabled, drop use_grad_scaling, ..$range}
where
  no_spec(..)
rewrite
  %q = quantize_per_tensor(%x, %s, %z) {..$range}
  %y = dequantize_per_tensor(%q, %s, %z) {..$range}

# The same with one scale an entry of an axis.
rule lower_fake_quantize_per_channel mark converted
match
  %y = fake_quantize(%x, %s, %z) {axis: $axis, drop enabled, drop use_grad_scaling, ..$range}
where
  not is_none($axis), no_spec(..)
rewrite
  %q = quantize_per_channel(%x, %s, %z) {axis: $axis, ..$range}
  %y = dequantize_per_channel(%q, %s, %z) {axis: $axis, ..$range}
