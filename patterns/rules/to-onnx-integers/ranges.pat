# Integer ops whose result is at least its zero point are the plain ops with that range.

family @integer_layer = quantized.conv1d quantized.conv2d quantized.conv3d quantized.linear quantized.conv_transpose1d quantized.conv_transpose2d quantized.conv_transpose3d
family @integer_layer_relu = quantized.conv1d_relu quantized.conv2d_relu quantized.conv3d_relu quantized.linear_relu quantized.conv_transpose1d_relu quantized.conv_transpose2d_relu quantized.conv_transpose3d_relu
family @integer_sum = quantized.conv1d_add quantized.conv2d_add quantized.conv3d_add quantized.linear_add
family @integer_sum_relu = quantized.conv1d_add_relu quantized.conv2d_add_relu quantized.conv3d_add_relu quantized.linear_add_relu
family @integer_pair = quantized.add quantized.mul
family @integer_pair_relu = quantized.add_relu quantized.mul_relu

# conv_relu(x, w)  ==>  conv(x, w) that is at least its zero point
#
# The definition.
rule range_of_layer_relu
match
  %y = @integer_layer_relu:c(%x, %w, %b?, %sx, %zx, %sw, %zw, %sy, %zy) {quant_min: $min, ..$how}
where
  constant(%zy), no_spec(..)
rewrite
  %y = @integer_layer:c(%x, %w, %b?, %sx, %zx, %sw, %zw, %sy, %zy) {quant_min: max($min, int(%zy)), ..$how}

# conv_add_relu(x, w, o)  ==>  conv_add(x, w, o) that is at least its zero point
#
# The definition.
rule range_of_sum_relu
match
  %y = @integer_sum_relu:c(%x, %w, %b?, %sx, %zx, %sw, %zw, %sy, %zy, %o, %so, %zo) {quant_min: $min, ..$how}
where
  constant(%zy), no_spec(..)
rewrite
  %y = @integer_sum:c(%x, %w, %b?, %sx, %zx, %sw, %zw, %sy, %zy, %o, %so, %zo) {quant_min: max($min, int(%zy)), ..$how}

# add_relu(x, o)  ==>  add(x, o) that is at least its zero point
#
# The definition; of products too.
rule range_of_pair_relu
match
  %y = @integer_pair_relu:p(%x, %o, %sx, %zx, %so, %zo, %sy, %zy) {quant_min: $min, ..$how}
where
  constant(%zy), no_spec(..)
rewrite
  %y = @integer_pair:p(%x, %o, %sx, %zx, %so, %zo, %sy, %zy) {quant_min: max($min, int(%zy)), ..$how}
