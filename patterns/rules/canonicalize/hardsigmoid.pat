condition is_sixth($k) = $k > 0.166664 and $k < 0.166669

# hardtanh(x + 3, 0, 6) / 6  ==>  hardsigmoid(x)
#
# The definition, as networks write it that are older than the op.
rule hardsigmoid_of_sum
match
  %a = add(%x, 3.0)                                 one_use
  %h = hardtanh(%a) {min_val: 0.0, max_val: 6.0}    one_use
  %y = div(%h, 6.0)
where
  rank(%x) >= 0, no_spec(..)
rewrite
  %y = hardsigmoid(%x)

# The same, times 1/6.
rule hardsigmoid_of_sum_times_sixth
match
  %a = add(%x, 3.0)                                 one_use
  %h = hardtanh(%a) {min_val: 0.0, max_val: 6.0}    one_use
  %y = mul(%h, %k)
where
  rank(%x) >= 0, is_sixth(number(%k)), no_spec(..)
rewrite
  %y = hardsigmoid(%x)
  drop %k   # a sixth, whatever its digits

# hardtanh(x / 6 + 0.5, 0, 1)  ==>  hardsigmoid(x)
#
# Bounded to 0 and 1 at last, with PyTorch's slope of 1/6 or the one of 0.2 that Keras and ONNX have.
rule hardsigmoid_bounded_to_1
match
  divided? {
    %m = div(%x, 6.0)   one_use
  } else {
    %m = mul(%x, %k)    one_use
    where number(%k) == 0.2 or is_sixth(number(%k))
  }
  %a = add(%m, 0.5)     one_use
  %y = hardtanh(%a) {min_val: 0.0, max_val: 1.0}
where
  rank(%x) >= 0, no_spec(..)
rewrite
  if divided {
    %y = hardsigmoid(%x)
  } else {
    %y = hardsigmoid(%x) {alpha: 0.2 if number(%k) == 0.2 else 1.0 / 6.0}
    drop %k   # a sixth, whatever its digits, or 0.2
  }
