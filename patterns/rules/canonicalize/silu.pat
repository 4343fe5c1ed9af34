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
