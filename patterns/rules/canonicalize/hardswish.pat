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
