# x * tanh(softplus(x))  ==>  mish(x)
#
# The definition. PyTorch's exporter writes three nodes. Softplus is x above its threshold: one of 20 makes no difference that a
# float has.
rule mish
match
  %s = softplus(%x) {beta: 1.0, threshold: $t}   one_use
  %t = tanh(%s)                                   one_use
  %y = mul(%x, %t)
where
  $t >= 20, no_spec(..)
rewrite
  %y = mish(%x)
