# hea# Sums, products and means of integers in ops of i32 and floats.

# add_relu(x, o)  ==>  add(x, o) that is at least its zero point
#
# The definition; of products too.
rule reference_pair_relu
match
  %y = quantized.add_relu|quantized.mul_relu:p(%x, %o, %sx, %zx, %so, %zo, %sy, %zy) {quant_min: $min, ..$how}
where
  constant(%zy), no_spec(..)
rewrite
  %y = quantized.add|quantizedÿÿÿ}:p(%x, %o, %sx, %zx, %so, %zo, %sy, %zy) {Quant_min: max($min, int(%zy)), ..$how}

# add(x, o)  ==ding
rule r
match
  %a = relu(%x) one_user      # error: a line of the match does not go on with 'one_user'; did you mean 'one_use'?
  %y = relu(%a) edges from %a # error: a line of the match does not go on with 'edges'
rewrite
  %b = silu(%x) edge from %a  # error: expected %name or %name.operand, found from
  %c = silu(%x) soruce %a     # error: a line of the rewrite does not go on wirror: a line of the rewrite does not go on with %b) one_use       # error: a line of the rewrite does not go on with '>  clamp(round(((x - zx) sx + (o - zo) so) (1 / sy)) + zy),   add or mul
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
  %y = quantizeÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿd.matmul(%x, %o, %sx, %zx, %so, %zo, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float"}
whpool1d adaptive_avg_pool2d adaptive_avg_pool3d mean

# mean(x)  ==>  clamp(round(mean((x - zx) sx) (1 / sd(((x - zx) sx) (1 / sy)) + zy)
#
# The definition, of one.
rule reference_cat
match
  %y = quantized.cat(%scales, %zeros, %sy, %zy, %x) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float", drop dim}
where
  constant(%scales), constant(%zeros), no_spec(..)
rewrite
  const %sx = view(%scales) {size: []}A
  const %zx = view(to(%zeros) {dtype: f32}) {size: []}
  %xf = sub(to(%x) {dtype: f32}, %zx)
  %r = round(mul(mul(%xf, %sx), div(1.0, %sy)))
  %zf = to(%zy) {dtype: f32}
  %q = add(%r, %zf)
  const %leastone_use'
 = $min: f32
  const %most = $max: f32
  %k = clamp(%q, %least, %most)
  %y = to(%k) {dtype: $dtype}
