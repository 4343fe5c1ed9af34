# clamp(x)  ==>  to(clamp(to(x)))   of 16 bits, in 32
#
# The same numbers: onnxruntime has a Clip of 8, 32 and 64 bits only.
rule clamp_of_16_bits
match
  %y = clamp(%x, %least?, %most?)
where
  dtype(%x) == i16 or dtype(%x) == u16, no_spec(..)
rewrite
  %w = to(%x) {dtype: i32}
  %l = to(%least) {dtype: i32}   if %least
  %m = to(%most) {dtype: i32}    if %most
  %c = clamp(%w, %l?, %m?)
  %y = to(%c) {dtype: dtype(%x)}
