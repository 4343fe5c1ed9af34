# log(sigmoid(x))  ==>  logsigmoid(x)
#
# The definition. PyTorch's exporter writes two nodes, whose sigmoid becomes 0 where logsigmoid is about x.
rule logsigmoid
match
  %s = sigmoid(%x)   one_use
  %y = log(%s)
where
  no_spec(..)
rewrite
  %y = logsigmoid(%x)

# -softplus(-x)  ==>  logsigmoid(x),   as log(1 / (1 + exp(-x))) is
rule logsigmoid_from_softplus
match
  %n = neg(%x)       one_use
  %s = softplus(%n) {beta: 1.0, threshold: $t}   one_use
  %y = neg(%s)
where
  $t >= 20, no_spec(..)
rewrite
  %y = logsigmoid(%x)
