# DQ(Q(x, s, z))  ==>  DQ(Q(x, s, z + 128))   in u8 for i8
#
# The same numbers: every integer and the zero point move by 128. Processors that multiply u8 by i8 (x86 without AMX, AVX-VNNI-INT8) run
# layers of such activations faster, and runtimes have kernels for them; weights stay.
rule u8_activations
match
  %q = quantize_per_tensor(%x, %s, %z) {quant_min: $min, quant_max: $max, dtype: i8, by_division: $by}
  %y = dequantize_per_tensor(%q, %s, %z) {drop ..}
where
  not const(%x), constant(%z), no_spec(..)
rewrite
  const %u = add(%z, 128)
  %p = quantize_per_tensor(%x, %s, %u) {quant_min: $min + 128, quant_max: $max + 128, dtype: u8, by_division: $by}   source %q  mark converted
  %y = dequantize_per_tensor(%p, %s, %u) {quant_min: $min + 128, quant_max: $max + 128, dtype: u8}   mark converted

# x + DQ(c, s, z)  ==>  x + DQ(c + 128, s, z + 128),   add or mul
#
# The same for stored operands of pairs, which want one dtype.
rule u8_constants
match
  %d = dequantize_per_tensor(%c, %s, %z) {quant_min: $min, quant_max: $max, dtype: i8}
  %y = add|mul:p(%a, %d)
where
  const(%c), constant(%z), no_spec(..)
rewrite
  const %w = add(to(%c) {dtype: i32}, 128)
  const %u = to(%w) {dtype: u8}   named %c
  const %t = add(%z, 128)
  %e = dequantize_per_tensor(%u, %s, %t) {quant_min: $min + 128, quant_max: $max + 128, dtype: u8}   source %d  mark converted
  %y = @p(%a, %e)   source %y
