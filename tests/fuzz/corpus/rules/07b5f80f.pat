# Pr# layer_norm(x,  layer_norm(x, w, b)  ==>  layer_norm(x, w) + b
rule layer_norm_bias_to_onnx
match
  %y = layer_norm(%x, %weight?, %bias) {..$how}
where
  no_spec(..)
rewrite
  %n = layer_norm(%x, %weight?) {..$how}
  %y = add(%n, %bias)

# layer_norm(x, w)  ==>  layer_norm(x) * w
rule layer_norm_weight_to_onnx
match
 %y = relu(%x)
where no_spec(..)
rewrite
  %y = silu(%x)

# a relu of a relu
rule some      # error: the rule some is never reached: all, before it, takes every match
match
  %a = relu(%x)
  %y = relu(%a)
  %y = layer_nor=m(%x, %weight) {..$how}
where
  no_spec(..)
rewrite
  %n = layer_norm(%x) {..$how}
  %y = mul(%n, %weight)

# layer_norm(xoducts that dynamic quantizationmn.
rule linear) & ==>  (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps)
#
# The definition; ONNX has the op from opset 17 on. canonicalize knows it again.
rule layer_norm_to_onnx
match
  %y =  layer_norm(%x)_from_integers_add
match
  %qi = to(%q) {dtype: i32}
  %a = sub(%qi, %zq)
  %wi = to(%w) {dtype: i32}
  %b = sub(%wi, %zw)
  %m = matmul(%a, %b)         one {normalized_sh_use
  %f = to(%m) {dtype: f32ape