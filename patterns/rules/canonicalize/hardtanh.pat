# clamp(x, lo, hi)  ==>  hardtanh(x, lo, hi)
#
# The same function where both bounds are known numbers. It is what PyTorch's own export has for ReLU6.
rule hardtanh
match
  %y = clamp(%x, %lo, %hi)
where
  rank(%x) >= 0, is_float(%x), constant(%lo), constant(%hi), elements(%lo) == 1, elements(%hi) == 1, no_spec(..)
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
  rank(%x) >= 0, no_spec(..)
rewrite
  %y = hardtanh(%x) {min_val: 0.0, max_val: $max}

# min(relu(x), hi)  ==>  hardtanh(x, 0, hi)
#
# What relu cuts is the lower bound.
rule hardtanh_of_relu_and_minimum
match
  %r = relu(%x)   one_use
  %y = minimum(%r, %hi)
where
  rank(%x) >= 0, number(%hi) >= 0, no_spec(..)
rewrite
  %y = hardtanh(%x) {min_val: 0.0, max_val: number(%hi)}

# The same, as a clamp that has no lower bound.
rule hardtanh_of_relu_and_clamp
match
  %r = relu(%x)   one_use
  %y = clamp(%r, _, %hi)
where
  rank(%x) >= 0, number(%hi) >= 0, no_spec(..)
rewrite
  %y = hardtanh(%x) {min_val: 0.0, max_val: number(%hi)}

# relu(min(x, hi))  ==>  hardtanh(x, 0, hi)
rule hardtanh_of_minimum
match
  %m = minimum(%x, %hi)   one_use
  %y = relu(%m)
where
  rank(%x) >= 0, number(%hi) >= 0, no_spec(..)
rewrite
  %y = hardtanh(%x) {min_val: 0.0, max_val: number(%hi)}

# min(max(x, lo), hi)  ==>  hardtanh(x, lo, hi),   lo <= hi
rule hardtanh_from_maximum
match
  %m = maximum(%x, %lo)   one_use
  %y = minimum(%m, %hi)
where
  rank(%x) >= 0, is_float(%x), number(%lo) <= number(%hi), no_spec(..)
rewrite
  %y = hardtanh(%x) {min_val: number(%lo), max_val: number(%hi)}

# max(min(x, hi), lo)  ==>  hardtanh(x, lo, hi),   lo <= hi
rule hardtanh_from_minimum
match
  %m = minimum(%x, %hi)   one_use
  %y = maximum(%m, %lo)
where
  rank(%x) >= 0, is_float(%x), number(%lo) <= number(%hi), no_spec(..)
rewrite
  %y = hardtanh(%x) {min_val: number(%lo), max_val: number(%hi)}

# min(max(x, lo), hi)  ==>  clamp(x, lo, hi)
#
# The definition, where the bounds are several numbers, as for each channel: what a clamp of equalize's is written as in ONNX.
rule clamp_from_maximum
match
  %m = maximum(%x, %lo)   one_use
  %y = minimum(%m, %hi)
where
  is_float(%x), constant(%lo), constant(%hi), elements(%lo) > 1 or elements(%hi) > 1, same_type(%m, %x), same_type(%y, %x), no_spec(..)
rewrite
  %y = clamp(%x, %lo, %hi)
