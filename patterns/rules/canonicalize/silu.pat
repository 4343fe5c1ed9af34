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

# x / (1 + exp(-x))  ==>  silu(x)
rule silu_by_division
match
  %n = neg(%x)         one_use
  %e = exp(%n)         one_use
  %p = add(%e, 1.0)    one_use
  %y = div(%x, %p)
where
  no_spec(..)
rewrite
  %y = silu(%x)
