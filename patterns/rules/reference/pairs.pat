# Sums, products and means of integers in ops of i32 and floats.

# add_relu(x, o)  ==>  add(x, o) that is at least its zero point
#
# The definition; of products too.
rule reference_pair_relu
match
  %y = quantized.add_relu|quantized.mul_relu:p(%x, %o, %sx, %zx, %so, %zo, %sy, %zy) {quant_min: $min, ..$how}
where
  constant(%zy), no_spec(..)
rewrite
  %y = quantized.add|quantized.mul:p(%x, %o, %sx, %zx, %so, %zo, %sy, %zy) {quant_min: max($min, int(%zy)), ..$how}

# add(x, o)  ==>  clamp(round(((x - zx) sx + (o - zo) so) (1 / sy)) + zy),   add or mul
#
# The definition: what dequantize, add and quantize compute.
rule reference_pair
match
  %y = quantized.add|quantized.mul:p(%x, %o, %sx, %zx, %so, %zo, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float"}
where
  no_spec(..)
rewrite
  %xf = sub(to(%x) {dtype: f32}, to(%zx) {dtype: f32})
  %of = sub(to(%o) {dtype: f32}, to(%zo) {dtype: f32})
  %v = add|mul:p(mul(%xf, %sx), mul(%of, %so))
  %r = round(mul(%v, div(1.0, %sy)))
  %zf = to(%zy) {dtype: f32}
  %q = add(%r, %zf)
  const %least = $min: f32
  const %most = $max: f32
  %k = clamp(%q, %least, %most)
  %y = to(%k) {dtype: $dtype}

# matmul(x, o)  ==>  clamp(round(matmul(x - zx, o - zo) (sx so / sy)) + zy)
#
# The definition.
rule reference_matmul
match
  %y = quantized.matmul(%x, %o, %sx, %zx, %so, %zo, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float"}
where
  no_spec(..)
rewrite
  %xi = sub(to(%x) {dtype: i32}, %zx)
  %oi = sub(to(%o) {dtype: i32}, %zo)
  %xw = to(%xi) {dtype: i64} if dtype(%x) == i16 or dtype(%o) == i16 else %xi
  %ow = to(%oi) {dtype: i64} if dtype(%x) == i16 or dtype(%o) == i16 else %oi
  %p = matmul(%xw, %ow)
  %f = to(%p) {dtype: f32}
  %v = mul(%f, div(mul(%sx, %so), %sy))
  %r = round(%v)
  %zf = to(%zy) {dtype: f32}
  %q = add(%r, %zf)
  const %least = $min: f32
  const %most = $max: f32
  %k = clamp(%q, %least, %most)
  %y = to(%k) {dtype: $dtype}

family @mean_of_integers = quantized.avg_pool1d quantized.avg_pool2d quantized.avg_pool3d quantized.adaptive_avg_pool1d quantized.adaptive_avg_pool2d quantized.adaptive_avg_pool3d quantized.mean
family @mean_of_floats = avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d mean

# mean(x)  ==>  clamp(round(mean((x - zx) sx) (1 / sy)) + zy),   or a pool of means
#
# The definition.
rule reference_mean
match
  %y = @mean_of_integers:p(%x, %sx, %zx, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float", ..$how}
where
  no_spec(..)
rewrite
  %xf = sub(to(%x) {dtype: f32}, to(%zx) {dtype: f32})
  %v = @mean_of_floats:p(mul(%xf, %sx)) {..$how}
  %r = round(mul(%v, div(1.0, %sy)))
  %zf = to(%zy) {dtype: f32}
  %q = add(%r, %zf)
  const %least = $min: f32
  const %most = $max: f32
  %k = clamp(%q, %least, %most)
  %y = to(%k) {dtype: $dtype}

# cat(scales, x, more)  ==>  cat(cat(scales[0], x), cat(scales[1:], more))
#
# Each keeps its own scale.
rule reference_cat_one_by_one
match
  %y = quantized.cat(%scales, %zeros, %sy, %zy, %x, %o, ..%more) {dim: $dim, ..$how}
where
  constant(%scales), constant(%zeros), no_spec(..)
rewrite
  const %s = slice(%scales) {dim: 0, start: 0, end: 1}
  const %z = slice(%zeros) {dim: 0, start: 0, end: 1}
  const %s1 = slice(%scales) {dim: 0, start: 1}
  const %z1 = slice(%zeros) {dim: 0, start: 1}
  %a = quantized.cat(%s, %z, %sy, %zy, %x) {dim: $dim, ..$how}
  %b = quantized.cat(%s1, %z1, %sy, %zy, %o, ..%more) {dim: $dim, ..$how}
  %y = cat(%a, %b) {dim: $dim}

# cat(scale, x)  ==>  clamp(round(((x - zx) sx) (1 / sy)) + zy)
#
# The definition, of one.
rule reference_cat
match
  %y = quantized.cat(%scales, %zeros, %sy, %zy, %x) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float", drop dim}
where
  constant(%scales), constant(%zeros), no_spec(..)
rewrite
  const %sx = view(%scales) {size: []}
  const %zx = view(to(%zeros) {dtype: f32}) {size: []}
  %xf = sub(to(%x) {dtype: f32}, %zx)
  %r = round(mul(mul(%xf, %sx), div(1.0, %sy)))
  %zf = to(%zy) {dtype: f32}
  %q = add(%r, %zf)
  const %least = $min: f32
  const %most = $max: f32
  %k = clamp(%q, %least, %most)
  %y = to(%k) {dtype: $dtype}
