# threshold(x) {value: v}  ==>  where(x > threshold, x, v)
#
# The definition; ONNX's ThresholdedRelu has 0 below.
rule threshold_to_onnx
match
  %y = threshold(%x) {threshold: $t, value: $v}
where
  is_float(%x), $v != 0.0, no_spec(..)
rewrite
  const %t64 = $t: f64
  const %v64 = $v: f64
  const %tx = to(%t64) {dtype: dtype(%x)}
  const %vx = to(%v64) {dtype: dtype(%x)}
  %above = gt(%x, %tx)
  %y = where(%above, %x, %vx)
