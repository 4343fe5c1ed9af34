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

# add(x, o)  ==>  clamp(round((x - zx) (sx / sy) + (o - zo) (so / sy)) + zy)
#
# The definition.
rule reference_add
match
  %y = quantized.add(%x, %o, %sx, %zx, %so, %zo, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float"}
where
  no_spec(..)
rewrite
  %xf = sub(to(%x) {dtype: f32}, to(%zx) {dtype: f32})
  %of = sub(to(%o) {dtype: f32}, to(%zo) {dtype: f32})
  %v = add(mul(%xf, div(%sx, %sy)), mul(%of, div(%so, %sy)))
  %r = round(%v)
  %zf = to(%zy) {dtype: f32}
  %q = add(%r, %zf)
  const %least = $min: f32
  const %most = $max: f32
  %k = clamp(%q, %least, %most)
  %y = to(%k) {dtype: $dtype}

# mul(x, o)  ==>  clamp(round((x - zx) (o - zo) (sx so / sy)) + zy),   mul or matmul
#
# The definition.
rule reference_product
match
  %y = quantized.mul|quantized.matmul:p(%x, %o, %sx, %zx, %so, %zo, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float"}
where
  no_spec(..)
rewrite
  %xi = sub(to(%x) {dtype: i32}, %zx)
  %oi = sub(to(%o) {dtype: i32}, %zo)
  %p = mul|matmul:p(%xi, %oi)
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

# mean(x)  ==>  clamp(round(mean(x - zx) (sx / sy)) + zy),   or a pool of means
#
# The definition.
rule reference_mean
match
  %y = @mean_of_integers:p(%x, %sx, %zx, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float", ..$how}
where
  no_spec(..)
rewrite
  %xf = sub(to(%x) {dtype: f32}, to(%zx) {dtype: f32})
  %p = @mean_of_floats:p(%xf) {..$how}
  %v = mul(%p, div(%sx, %sy))
  %r = round(%v)
  %zf = to(%zy) {dtype: f32}
  %q = add(%r, %zf)
  const %least = $min: f32
  const %most = $max: f32
  %k = clamp(%q, %least, %most)
  %y = to(%k) {dtype: $dtype}
