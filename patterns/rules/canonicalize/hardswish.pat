condition is_sixth($k) = $k > 0.1666 and $k < 0.1667

# x * hardsigmoid(x)  ==>  hardswish(x)
#
# The definition, with hardsigmoid's slope of 1/6 (exporters round it to float or to a few decimals).
rule hardswish
match
  %s = hardsigmoid(%x) {alpha: $alpha, beta: 0.5}   one_use
  %y = mul(%x, %s)
where
  rank(%x) >= 0, is_sixth($alpha), no_spec(..)
rewrite
  %y = hardswish(%x)

# x * hardtanh(x + 3, 0, 6) / 6  ==>  hardswish(x)
#
# Multiplied first, as networks and Paddle's exporter spell it.
rule hardswish_divided_by_6
match
  %a = add(%x, 3.0)                                one_use
  %h = hardtanh(%a) {min_val: 0.0, max_val: 6.0}   one_use
  %m = mul(%x, %h)                                 one_use
  %y = div(%m, 6.0)
where
  rank(%x) >= 0, no_spec(..)
rewrite
  %y = hardswish(%x)

# The same, times 1/6, before or after the product.
rule hardswish_times_sixth
match
  %a = add(%x, 3.0)                                one_use
  %h = hardtanh(%a) {min_val: 0.0, max_val: 6.0}   one_use
  last? {
    %m = mul(%x, %h)                               one_use
    %c = %k
  } else {
    %m = mul(%x, %k)                               one_use
    %c = %h
  }
  %y = mul(%m, %c)
where
  rank(%x) >= 0, is_sixth(number(%k)), no_spec(..)
rewrite
  %y = hardswish(%x)
  drop %k   # a sixth, whatever its digits

# x / 6 * hardtanh(x + 3, 0, 6)  ==>  hardswish(x)
rule hardswish_of_divided
match
  %a = add(%x, 3.0)                                one_use
  %h = hardtanh(%a) {min_val: 0.0, max_val: 6.0}   one_use
  %m = div(%x, 6.0)                                one_use
  %y = mul(%m, %h)
where
  rank(%x) >= 0, no_spec(..)
rewrite
  %y = hardswish(%x)
