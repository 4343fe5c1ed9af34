# Dequantizes sink below what only moves elements, until a quantize takes them back.

# move(DQ(x))  ==>  DQ(move(x))
#
# Every element of the result is one of x's, and one of x's integers says which: the larger of two numbers has the
# larger integer, since a scale is above 0.
rule sink_move
match
  %d = dequantize_per_tensor(%x, %s, %z) {..$q}
  %y = @moves:m(%d, ..%more) {..$how}
where
  no_spec(..)
rewrite
  %m = @m(%x, ..%more) {..$how}                    source %y
  %y = dequantize_per_tensor(%m, %s, %z) {..$q}    source %d

# select(DQ(x)), with where it was found  ==>  DQ(select(x)), with the same place
#
# As above, of the ops that also say which element it was.
rule sink_selection
match
  %d = dequantize_per_tensor(%x, %s, %z) {..$q}
  %y, %i = max_pool1d|max_pool2d|max_pool3d|adaptive_max_pool1d|adaptive_max_pool2d|adaptive_max_pool3d|topk:m(%d, ..%more) {..$how}
where
  no_spec(..)
rewrite
  %m, %j = @m(%x, ..%more) {..$how}                source %y
  %y = dequantize_per_tensor(%m, %s, %z) {..$q}    source %d
  %i = %j

# resize(DQ(x))  ==>  DQ(resize(x))   to the nearest
#
# Each element of the result is one of x's; only tf_crop_and_resize makes up others.
rule sink_nearest
match
  %d = dequantize_per_tensor(%x, %s, %z) {..$q}
  %y = resize(%d, ..%more) {mode: "nearest", coordinates: $c, ..$how}
where
  $c != "tf_crop_and_resize", no_spec(..)
rewrite
  %r = resize(%x, ..%more) {mode: "nearest", coordinates: $c, ..$how}   source %y
  %y = dequantize_per_tensor(%r, %s, %z) {..$q}                         source %d

# max(DQ(x), DQ(o))  ==>  DQ(max(x, o))   where both have one scale and zero point; min too
#
# The larger number has the larger integer.
rule sink_extreme
match
  %a = dequantize_per_tensor(%x, %s, %z) {..$q}
  %b = dequantize_per_tensor(%o, %s, %z) {..$q}
  %y = maximum|minimum:m(%a, %b)
where
  no_spec(..)
rewrite
  %e = @m(%x, %o)                                  source %y
  %y = dequantize_per_tensor(%e, %s, %z) {..$q}    source %a

# relu(DQ(x))  ==>  DQ(clamp(x, z))
#
# The zero point stands for 0 and is one of the integers, so what is raised to it is raised to 0.
rule sink_relu
match
  %d = dequantize_per_tensor(%x, %s, %z) {..$q}
  %y = relu(%d)
where
  constant(%z), no_spec(..)
rewrite
  const %least = to(%z) {dtype: $q.dtype}
  %c = clamp(%x, %least)                           source %y
  %y = dequantize_per_tensor(%c, %s, %z) {..$q}    source %d

# pad(DQ(x), 0)  ==>  DQ(pad(x, z))
#
# The zero point stands for 0. What the other modes pad with are elements of x.
rule sink_pad
match
  %d = dequantize_per_tensor(%x, %s, %z) {..$q}
  %y = pad(%d, _, %pads?) {value: $value, mode: $mode, ..$how}
where
  $mode != "constant" or $value == 0.0, constant(%z), no_spec(..)
rewrite
  %p = pad(%x, _, %pads?) {value: int(%z), mode: $mode, ..$how}   source %y
  %y = dequantize_per_tensor(%p, %s, %z) {..$q}        source %d

# Q(hardtanh(v))  ==>  clamp(Q(v), Q(min_val), Q(max_val))
#
# Quantizing keeps the order of numbers, so clamping may come after it. The largest float is as good a bound as infinity.
rule clamp_behind_quantize
match
  %t = hardtanh(%v) {min_val: $low, max_val: $high}   one_use
  %y = quantize_per_tensor(%t, %s, %z) {..$q}
where
  constant(%s), constant(%z), no_spec(..)
rewrite
  const %l = min(max($low, -3.4028234e38), 3.4028234e38): f32
  const %h = min(max($high, -3.4028234e38), 3.4028234e38): f32
  const %least = quantize_per_tensor(%l, %s, %z) {..$q}
  const %most = quantize_per_tensor(%h, %s, %z) {..$q}
  %n = quantize_per_tensor(%v, %s, %z) {..$q}   source %y
  %y = clamp(%n, %least, %most)                 source %t

# Q(clamp(v, low, high))  ==>  clamp(Q(v), Q(low), Q(high))
#
# As above, with bounds for each channel, as equalize makes them.
rule clamp_of_bounds_behind_quantize
match
  %t = clamp(%v, %low?, %high?)   one_use
  %y = quantize_per_tensor(%t, %s, %z) {..$q}
where
  not %low or constant(%low), not %high or constant(%high), constant(%s), constant(%z), no_spec(..)
rewrite
  const %least = quantize_per_tensor(clamp(%low, -3.4028234e38, 3.4028234e38), %s, %z) {..$q}   if %low
  const %most = quantize_per_tensor(clamp(%high, -3.4028234e38, 3.4028234e38), %s, %z) {..$q}   if %high
  %n = quantize_per_tensor(%v, %s, %z) {..$q}   source %y
  %y = clamp(%n, %least?, %most?)               source %t

# Q(max(v, c))  ==>  clamp(Q(v), Q(c))
#
# Of a number, as above; where v is float nothing would be gained.
rule clamp_of_maximum
match
  %t = maximum(%v, %c)   one_use
  %y = quantize_per_tensor(%t, %s, %z) {..$q}
where
  is_dequantized(%v), elements(%c) == 1, number(%c) > -3.5e38, number(%c) < 3.5e38, rank(%c) <= rank(%v), constant(%s), constant(%z), no_spec(..)
rewrite
  const %least = quantize_per_tensor(view(%c) {size: []}, %s, %z) {..$q}
  %n = quantize_per_tensor(%v, %s, %z) {..$q}   source %y
  %y = clamp(%n, %least)                        source %t

# Q(min(v, c))  ==>  clamp(Q(v), _, Q(c))
#
# Of a number, as above; where v is float nothing would be gained.
rule clamp_of_minimum
match
  %t = minimum(%v, %c)   one_use
  %y = quantize_per_tensor(%t, %s, %z) {..$q}
where
  is_dequantized(%v), elements(%c) == 1, number(%c) > -3.5e38, number(%c) < 3.5e38, rank(%c) <= rank(%v), constant(%s), constant(%z), no_spec(..)
rewrite
  const %most = quantize_per_tensor(view(%c) {size: []}, %s, %z) {..$q}
  %n = quantize_per_tensor(%v, %s, %z) {..$q}   source %y
  %y = clamp(%n, _, %most)                      source %t

# Q(pad(v, value))  ==>  pad(Q(v), Q(value))
#
# What pads is quantized as the other elements are; where v is float nothing would be gained.
rule pad_behind_quantize
match
  %p = pad(%v, _, %pads?) {value: $value, mode: "constant", ..$how}   one_use
  %y = quantize_per_tensor(%p, %s, %z) {..$q}
where
  is_dequantized(%v), $value != 0.0, constant(%s), constant(%z), no_spec(..)
rewrite
  const %f = min(max($value, -3.4028234e38), 3.4028234e38): f32
  const %fill = quantize_per_tensor(%f, %s, %z) {..$q}
  %n = quantize_per_tensor(%v, %s, %z) {..$q}             source %y
  %y = pad(%n, %fill, %pads?) {mode: "constant", ..$how}  source %p

# Q(DQ(x))  ==>  x   where both have one scale and zero point and a range that is the dtype's whole
#
# Dequantizing and quantizing gives an integer back: the error of (x - z) * s * (1 / s) is far below half a step.
rule drop_same_scale
match
  %d = dequantize_per_tensor(%x, %s, %z) {..$q}
  %y = quantize_per_tensor(%d, %s, %z) {drop by_division, ..$q}
where
  $q.quant_max - $q.quant_min == 255 or $q.quant_max - $q.quant_min == 65535, no_spec(..)
rewrite
  %y = %x

# Q(DQ(x))  ==>  clamp(x, quant_min, quant_max)
#
# The same where the range is narrower than the dtype's.
rule clamp_same_scale
match
  %d = dequantize_per_tensor(%x, %s, %z) {..$q}
  %y = quantize_per_tensor(%d, %s, %z) {drop by_division, ..$q}
where
  no_spec(..)
rewrite
  const %l = $q.quant_min: i32
  const %h = $q.quant_max: i32
  const %least = to(%l) {dtype: $q.dtype}
  const %most = to(%h) {dtype: $q.dtype}
  %y = clamp(%x, %least, %most)

# to(clamp(to(x)))  ==>  clamp(x)   of 16 bits, where 32 cut them
#
# The bounds are numbers that x's dtype has, so nothing else cuts. It is how such a clamp is written in ONNX (to-onnx/sixteen_bits.pat).
rule clamp_in_32_bits
match
  %w = to(%x) {dtype: i32}
  %c = clamp(%w, %least?, %most?)   one_use
  %y = to(%c) {dtype: $dtype}
where
  dtype(%x) == $dtype, $dtype == i16 or $dtype == u16,
  not %least or constant(%least) and rank(%least) == 0 and within(%least, -32768 if $dtype == i16 else 0, 32767 if $dtype == i16 else 65535),
  not %most or constant(%most) and rank(%most) == 0 and within(%most, -32768 if $dtype == i16 else 0, 32767 if $dtype == i16 else 65535),
  no_spec(..)
rewrite
  const %l = to(%least) {dtype: $dtype}   if %least
  const %m = to(%most) {dtype: $dtype}    if %most
  %y = clamp(%x, %l?, %m?)          source %c

# to(select(to(x)))  ==>  select(x)   of 16 bits, where floats were selected
#
# Each of x's numbers is one of f32, and comes back. It is how such an op is written in ONNX.
rule selection_in_floats
match
  %w = to(%x) {dtype: f32}
  %m = max_pool1d|max_pool2d|max_pool3d|adaptive_max_pool1d|adaptive_max_pool2d|adaptive_max_pool3d|amax|amin|pixel_shuffle|pixel_unshuffle:m(%w) {..$how}   one_use
  %y = to(%m) {dtype: $dtype}
where
  dtype(%x) == $dtype, $dtype == i16 or $dtype == u16, no_spec(..)
rewrite
  %y = @m(%x) {..$how}   source %m
