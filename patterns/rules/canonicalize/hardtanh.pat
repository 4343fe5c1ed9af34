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
