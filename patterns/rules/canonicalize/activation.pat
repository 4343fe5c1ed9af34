# x * sigmoid(x)  ==>  silu(x)
#
# The definition. PyTorch's exporter writes silu as two nodes.
rule silu
match
  %s = sigmoid(%x)   one_use
  %y = mul(%x, %s)
where
  no_spec(..)
rewrite
  %y = silu(%x)

# x * hardsigmoid(x)  ==>  hardswish(x)
#
# The definition, with hardsigmoid's slope of 1/6 (exporters round it to float or to a few decimals).
rule hardswish
match
  %s = hardsigmoid(%x) {alpha: $alpha, beta: 0.5}   one_use
  %y = mul(%x, %s)
where
  $alpha > 0.1666, $alpha < 0.1667, no_spec(..)
rewrite
  %y = hardswish(%x)

# x * (hardtanh(x + 3, 0, 6) / 6)  ==>  hardswish(x)
#
# As exporters wrote it before ONNX had hardsigmoid's and hardswish's ops. Multiplied first, x * hardtanh(x + 3, 0, 6) / 6
# stays: a network that says so has these nodes in PyTorch's own export too.
rule hardswish_spelt_out
match
  %a = add(%x, 3.0)   one_use
  %h = hardtanh(%a) {min_val: 0.0, max_val: 6.0}   one_use
  %d = div(%h, 6.0)   one_use
  %y = mul(%x, %d)
where
  no_spec(..)
rewrite
  %y = hardswish(%x)

# clamp(x, lo, hi)  ==>  hardtanh(x, lo, hi)
#
# The same function where both bounds are known numbers. It is what PyTorch's own export has for ReLU6.
rule hardtanh
match
  %y = clamp(%x, %lo, %hi)
where
  is_float(%x), constant(%lo), constant(%hi), elements(%lo) == 1, elements(%hi) == 1, no_spec(..)
rewrite
  %y = hardtanh(%x) {min_val: number(%lo), max_val: number(%hi)}

# hardtanh(relu(x), 0, hi)  ==>  hardtanh(x, 0, hi)
#
# What relu cuts, hardtanh cuts too. PyTorch's exporter writes relu6 as both; its own export has one hardtanh.
rule hardtanh_of_relu
match
  %r = relu(%x)   one_use
  %y = hardtanh(%r) {min_val: 0.0, max_val: $max}
where
  no_spec(..)
rewrite
  %y = hardtanh(%x) {min_val: 0.0, max_val: $max}
