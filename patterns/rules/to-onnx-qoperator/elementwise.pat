# What stays between dequantize and quantize in a graph of integers, where onnxruntime's own domain has it as one op.

condition is_whole($min, $max, $dtype) = ($dtype == i8 and $min == -128 and $max == 127) or ($dtype == u8 and $min == 0 and $max == 255)

# Q(sigmoid(DQ(x)))  ==>  QLinearSigmoid
#
# Its definition.
rule qlinear_sigmoid
match
  %d = dequantize_per_tensor(%x, %sx, %zx) {drop ..}
  %f = sigmoid(%d)   one_use
  %y = quantize_per_tensor(%f, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, drop by_division}
where
  dtype(%x) == $dtype, is_whole($min, $max, $dtype), constant(%zx), constant(%zy), no_spec(..)
rewrite
  const %zx8 = to(%zx) {dtype: $dtype}   named %sx:zero_point
  const %zy8 = to(%zy) {dtype: $dtype}   named %sy:zero_point
  %y = "com.microsoft.QLinearSigmoid"(%x, %sx, %zx8, %sy, %zy8)   source %f

# Q(leaky_relu(DQ(x)))  ==>  QLinearLeakyRelu
#
# Its definition.
rule qlinear_leaky_relu
match
  %d = dequantize_per_tensor(%x, %sx, %zx) {drop ..}
  %f = leaky_relu(%d) {negative_slope: $slope}   one_use
  %y = quantize_per_tensor(%f, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, drop by_division}
where
  dtype(%x) == $dtype, is_whole($min, $max, $dtype), constant(%zx), constant(%zy), no_spec(..)
rewrite
  const %zx8 = to(%zx) {dtype: $dtype}   named %sx:zero_point
  const %zy8 = to(%zy) {dtype: $dtype}   named %sy:zero_point
  %y = "com.microsoft.QLinearLeakyRelu"(%x, %sx, %zx8, %sy, %zy8) {alpha: $slope}   source %f

# Q(softmax(DQ(x)))  ==>  QLinearSoftmax
#
# Its definition; `opset` says which of ONNX's softmaxes is meant. onnxruntime's does not saturate what lies beyond the range: it must hold 1, or
# all but the last step to it.
rule qlinear_softmax
match
  %d = dequantize_per_tensor(%x, %sx, %zx) {drop ..}
  %f = softmax(%d) {dim: $dim}   one_use
  %y = quantize_per_tensor(%f, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype, drop by_division}
where
  dtype(%x) == $dtype, is_whole($min, $max, $dtype), constant(%zx), constant(%zy), constant(%sy), number(%sy) * ($max - number(%zy)) >= 0.996, no_spec(..)
rewrite
  const %zx8 = to(%zx) {dtype: $dtype}   named %sx:zero_point
  const %zy8 = to(%zy) {dtype: $dtype}   named %sy:zero_point
  %y = "com.microsoft.QLinearSoftmax"(%x, %sx, %zx8, %sy, %zy8) {axis: $dim, opset: 13}   source %f
