# Ops on integers of 16 bits that ONNX, or onnxruntime, has of other numbers only: between conversions to them and back. Each number of 16
# bits is one of f32 too.

condition has_16_bits(%x) = dtype(%x) == i16 or dtype(%x) == u16

# clamp(x)  ==>  to(clamp(to(x)))
#
# The same numbers, in 32 bits.
rule clamp_of_16_bits
match
  %y = clamp(%x, %least?, %most?)
where
  has_16_bits(%x), no_spec(..)
rewrite
  %w = to(%x) {dtype: i32}
  %l = to(%least) {dtype: i32}   if %least
  %m = to(%most) {dtype: i32}    if %most
  %c = clamp(%w, %l?, %m?)
  %y = to(%c) {dtype: dtype(%x)}

family @selects = max_pool1d max_pool2d max_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d amax amin pixel_shuffle pixel_unshuffle

# select(x)  ==>  to(select(to(x)))
#
# Every element of the result is one of x's, and the order of numbers stays.
rule selection_of_16_bits
match
  %y = @selects:m(%x) {..$how}
where
  has_16_bits(%x), no_spec(..)
rewrite
  %w = to(%x) {dtype: f32}
  %m = @m(%w) {..$how}
  %y = to(%m) {dtype: dtype(%x)}

# resize(x)  ==>  to(resize(to(x)))
#
# The same, to the nearest.
rule resize_of_16_bits
match
  %y = resize(%x, ..%more) {mode: "nearest", ..$how}
where
  has_16_bits(%x), no_spec(..)
rewrite
  %w = to(%x) {dtype: f32}
  %r = resize(%w, ..%more) {mode: "nearest", ..$how}
  %y = to(%r) {dtype: dtype(%x)}

# max(x, o)  ==>  to(max(to(x), to(o)))
#
# The same, of two operands; min too.
rule extreme_of_16_bits
match
  %y = maximum|minimum:m(%x, %o)
where
  has_16_bits(%x), no_spec(..)
rewrite
  %a = to(%x) {dtype: f32}
  %b = to(%o) {dtype: f32}
  %e = @m(%a, %b)
  %y = to(%e) {dtype: dtype(%x)}
