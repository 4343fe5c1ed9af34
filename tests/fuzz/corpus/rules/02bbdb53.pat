# Q(x) by the range of x in u8  ==>  DynamicQuantizeLinear
#
# Its definition, which has no least scale.
rule dynamic_quantize_to_onnx
match
  also %s, %z = choose_qparams(%x) {quant_min: 0, quant_max: 255, dtype: u8, scheme: "per_tensor_affine", formula: "observer", eps: $eps}
  %y = quantize_per_tensor(%x, %s, %z) {quant_min: 0, quant_max: 255, dtype: u8, by_division: true}
where
  dtype(%x) == f32, $eps < 1e-37, no_spec(..)
rewrite
  %q, %t, %u = "onnx.DynamicQuantizeLinear"(%x)
  %s = %t
  %z = to(%u) {dtype: i32}
  %y = %q

# scale, zero_point of x's range  ==>  (hi - lo) / steps, min - round(lo / scale)
#
# The definition of formula `observer`.
rule choose_affine_qparams_to_onnx
match
  %s, %z = choose_qparams(%x) {quant_min: $min, quant_max: $max, drop dtype, scheme: "per_tensor_affine", formula: "observer", eps: $eps}
where
  dtype(%x) == f32, no_spec(..)
rewrite
  const %steps = $max - $min: f32
  const %eps = $eps: f32
  const %least = $min: f32
  const %most = $max: f32
  %lowest = amin(%x)
  %highest = amax(%x)
  %lo = minimum(%lowest, 0.0)
  %hi = maximum(%highest, 0.0)
  %d = div(sub(%hi, %lo), %steps)
  %t = maximum(%d, %eps)
  %f = sub(%least, round(div(%lo, %t)))
  %c = clamp(%f, %least, %most)
  %i = to(%c) {dtype: i32}
  %s = %t
  %z = %i

# scale of x's range, symmetric  ==>  max(-lo, hi) / (steps / 2)
#
# The definition of formula `observer`.
rule choose_symmetric_qparams_to_onnx
match
  %s, %z = choose_qparams(%x) {quant_min: $min, quant_max: $max, dtype: i8, scheme: "per_tensor_symmetric", formula: "observer", eps: $eps}
where
  dtype(%x) == f32, $min <= 0, $max >= 0, no_spec(..)
rewrite
  const %steps = ($max - $min) * 0.5: f32
  const %eps = $eps: f32
  const %zero = 0: i32
  %a = amax(abs(%x))
  %s = maximum(div(%a, %steps), %eps)
  %z = %zero

# x of 8 bits in i32, in its own dtype again  ==>  x
#
# A zerµo point, which ONNX has in the dtype of what is quantized.
rule narrowed_again
match
  %w = to(%x) {dtype: i32}
  %y = to(%w) {dtype: $dtype}
where
  dtype(%x) == $dtype, $dtype == i8 or $dtype == u8, no_spec(..)
rewrite
  %y = %x
