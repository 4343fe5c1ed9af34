# x * tanh(softplus(x))  ==>  mish(x)
#
# The definition. PyTorch's exporter writes three nodes.
rule mish
match
  %s = softplus(%x) {beta: 1.0, drop threshold}   one_use
  %t = tanh(%s)                                   one_use
  %y = mul(%x, %t)
where
  no_spec(..)
rewrite
  %y = mish(%x)
