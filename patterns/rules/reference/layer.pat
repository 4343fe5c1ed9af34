# Integer layers in ops of i32 and floats, as PyTorch's reference representation spells them out: what a backend that has no such op, or a
# reader, sees of them. Sums are exact where 32 bits hold them, which have 64 where x has 16.

family @integer_layer = quantized.conv1d quantized.conv2d quantized.conv3d quantized.linear
family @integer_layer_relu = quantized.conv1d_relu quantized.conv2d_relu quantized.conv3d_relu quantized.linear_relu
family @integer_sum = quantized.conv1d_add quantized.conv2d_add quantized.conv3d_add quantized.linear_add
family @layer_of_integers = conv1d conv2d conv3d linear
family @integer_transposed = quantized.conv_transpose1d quantized.conv_transpose2d quantized.conv_transpose3d
family @integer_transposed_relu = quantized.conv_transpose1d_relu quantized.conv_transpose2d_relu quantized.conv_transpose3d_relu
family @transposed_of_integers = conv_transpose1d conv_transpose2d conv_transpose3d

condition is_wide(%x) = dtype(%x) == i16
condition is_large(%b) = dtype(%b) == i32 and constant(%b) and not within(%b, -1073741824, 1073741824)

# conv_relu(x, w)  ==>  conv(x, w) that is at least its zero point
#
# The definition.
rule reference_layer_relu
match
  %y = @integer_layer_relu|@integer_transposed_relu:c(%x, %w, %b?, %sx, %zx, %sw, %zw, %sy, %zy) {quant_min: $min, ..$how}
where
  constant(%zy), no_spec(..)
rewrite
  %y = @integer_layer|@integer_transposed:c(%x, %w, %b?, %sx, %zx, %sw, %zw, %sy, %zy) {quant_min: max($min, int(%zy)), ..$how}

# conv(x, w, b)  ==>  clamp(round((conv(x - zx, w - zw) + b / (sx sw)) (sx sw / sy)) + zy)
#
# The definition.
rule reference_layer
match
  %y = @integer_layer:c(%x, %w, %b?, %sx, %zx, %sw, %zw, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float", ..$how}
where
  rank(%sw) == 0 or rank(%sw) == 1, rank(%zw) == rank(%sw), rank(%y) > 0, no_spec(..)
rewrite
  %xi = to(%x) {dtype: i32}
  %xs = sub(%xi, %zx)
  %wi = to(%w) {dtype: i32}
  %wz = channel(%zw, %wi) {axis: @c.weight_axis, groups: 1} if rank(%zw) == 1 else %zw
  %ws = sub(%wi, %wz)
  %xw = to(%xs) {dtype: i64} if is_wide(%x) or %b and is_large(%b) else %xs
  %ww = to(%ws) {dtype: i64} if is_wide(%x) or %b and is_large(%b) else %ws
  %bn = %b if %b and dtype(%b) == i32
  %bi = to(%b) {dtype: i64} if %b and dtype(%b) == i32 and (is_wide(%x) or is_large(%b)) else %bn?
  %sum = @layer_of_integers:c(%xw, %ww, %bi?) {..$how}
  %f = to(%sum) {dtype: f32}
  %step = mul(%sx, %sw)
  %a = add(%f, channel(div(%b, %step), %f) {axis: -1 if @c in quantized.linear else 1}) if %b and dtype(%b) == f32 else %f
  %m = div(%step, %sy)
  %mc = channel(%m, %f) {axis: -1 if @c in quantized.linear else 1} if rank(%sw) == 1 else %m
  %v = mul(%a, %mc)
  %r = round(%v)
  %zf = to(%zy) {dtype: f32}
  %q = add(%r, %zf)
  const %least = $min: f32
  const %most = $max: f32
  %k = clamp(%q, %least, %most)
  %y = to(%k) {dtype: $dtype}

# conv(x, w, b)  ==>  clamp(round((conv(x - zx, w - zw) + b / (sx sw)) (sx sw / sy)) + zy)
#
# The definition, of transposed ones: a weight's channels lie along axis 1, in groups.
rule reference_transposed
match
  %y = @integer_transposed:c(%x, %w, %b?, %sx, %zx, %sw, %zw, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float", ..$how}
where
  rank(%sw) == 0 or rank(%sw) == 1, rank(%zw) == rank(%sw), rank(%y) > 0, no_spec(..)
rewrite
  %xi = to(%x) {dtype: i32}
  %xs = sub(%xi, %zx)
  %wi = to(%w) {dtype: i32}
  %wz = channel(%zw, %wi) {axis: @c.weight_axis, groups: $how.groups} if rank(%zw) == 1 else %zw
  %ws = sub(%wi, %wz)
  %xw = to(%xs) {dtype: i64} if is_wide(%x) or %b and is_large(%b) else %xs
  %ww = to(%ws) {dtype: i64} if is_wide(%x) or %b and is_large(%b) else %ws
  %bn = %b if %b and dtype(%b) == i32
  %bi = to(%b) {dtype: i64} if %b and dtype(%b) == i32 and (is_wide(%x) or is_large(%b)) else %bn?
  %sum = @transposed_of_integers:c(%xw, %ww, %bi?) {..$how}
  %f = to(%sum) {dtype: f32}
  %step = mul(%sx, %sw)
  %a = add(%f, channel(div(%b, %step), %f) {axis: 1}) if %b and dtype(%b) == f32 else %f
  %m = div(%step, %sy)
  %mc = channel(%m, %f) {axis: 1} if rank(%sw) == 1 else %m
  %v = mul(%a, %mc)
  %r = round(%v)
  %zf = to(%zy) {dtype: f32}
  %q = add(%r, %zf)
  const %least = $min: f32
  const %most = $max: f32
  %k = clamp(%q, %least, %most)
  %y = to(%k) {dtype: $dtype}

# conv_add_relu(x, w, o)  ==>  conv_add(x, w, o) that is at least its zero point
#
# The definition.
rule reference_sum_relu
match
  %y = quantized.conv1d_add_relu|quantized.conv2d_add_relu|quantized.conv3d_add_relu|quantized.linear_add_relu:c(%x, %w, %b?, %sx, %zx, %sw, %zw, %sy, %zy, %o, %so, %zo) {quant_min: $min, ..$how}
where
  constant(%zy), no_spec(..)
rewrite
  %y = @integer_sum:c(%x, %w, %b?, %sx, %zx, %sw, %zw, %sy, %zy, %o, %so, %zo) {quant_min: max($min, int(%zy)), ..$how}

# conv_add(x, w, b, o)  ==>  clamp(round((conv(x - zx, w - zw) + b / (sx sw)) (sx sw / sy) + (o - zo) (so / sy)) + zy)
#
# The definition.
rule reference_sum
match
  %y = @integer_sum:c(%x, %w, %b?, %sx, %zx, %sw, %zw, %sy, %zy, %o, %so, %zo) {quant_min: $min, quant_max: $max, dtype: $dtype, requantize: "float", ..$how}
where
  rank(%sw) == 0 or rank(%sw) == 1, rank(%zw) == rank(%sw), rank(%y) > 0, no_spec(..)
rewrite
  %xi = to(%x) {dtype: i32}
  %xs = sub(%xi, %zx)
  %wi = to(%w) {dtype: i32}
  %wz = channel(%zw, %wi) {axis: @c.weight_axis, groups: 1} if rank(%zw) == 1 else %zw
  %ws = sub(%wi, %wz)
  %xw = to(%xs) {dtype: i64} if is_wide(%x) or %b and is_large(%b) else %xs
  %ww = to(%ws) {dtype: i64} if is_wide(%x) or %b and is_large(%b) else %ws
  %bn = %b if %b and dtype(%b) == i32
  %bi = to(%b) {dtype: i64} if %b and dtype(%b) == i32 and (is_wide(%x) or is_large(%b)) else %bn?
  %sum = @layer_of_integers:c(%xw, %ww, %bi?) {..$how}
  %f = to(%sum) {dtype: f32}
  %step = mul(%sx, %sw)
  %a = add(%f, channel(div(%b, %step), %f) {axis: -1 if @c in quantized.linear_add else 1}) if %b and dtype(%b) == f32 else %f
  %m = div(%step, %sy)
  %mc = channel(%m, %f) {axis: -1 if @c in quantized.linear_add else 1} if rank(%sw) == 1 else %m
  %of = sub(to(%o) {dtype: f32}, to(%zo) {dtype: f32})
  %v = add(mul(%a, %mc), mul(%of, div(%so, %sy)))
  %r = round(%v)
  %zf = to(%zy) {dtype: f32}
  %q = add(%r, %zf)
  const %least = $min: f32
  const %most = $max: f32
  %k = clamp(%q, %least, %most)
  %y = to(%k) {dtype: $dtype}
