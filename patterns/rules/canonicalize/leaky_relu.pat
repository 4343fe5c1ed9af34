# max(x, a x)  ==>  leaky_relu(x) {negative_slope: a},   0 < a <= 1
#
# a x is the larger one just where x is negative.
rule leaky_relu
match
  %m = mul(%x, %a)   one_use
  %y = maximum(%x, %m)
where
  rank(%x) >= 0, is_float(%x), number(%a) > 0, number(%a) <= 1, no_spec(..)
rewrite
  %y = leaky_relu(%x) {negative_slope: number(%a)}

# where(x > 0, x, a x)  ==>  leaky_relu(x) {negative_slope: a}
#
# The definition; at 0 both are 0.
rule leaky_relu_chosen
match
  %c = gt|ge(%x, 0.0)   one_use
  %m = mul(%x, %a)      one_use
  %y = where(%c, %x, %m)
where
  rank(%x) >= 0, is_float(%x), constant(%a), elements(%a) == 1, no_spec(..)
rewrite
  %y = leaky_relu(%x) {negative_slope: number(%a)}

# where(x < 0, a x, x)  ==>  leaky_relu(x) {negative_slope: a}
rule leaky_relu_chosen_below_0
match
  %c = lt|le(%x, 0.0)   one_use
  %m = mul(%x, %a)      one_use
  %y = where(%c, %m, %x)
where
  rank(%x) >= 0, is_float(%x), constant(%a), elements(%a) == 1, no_spec(..)
rewrite
  %y = leaky_relu(%x) {negative_slope: number(%a)}
