# logsigmoid(x)  ==>  -softplus(-x)
#
# log(1 / (1 + exp(-x))); the logarithm of a sigmoid would be that of 0 for small x.
rule logsigmoid_to_onnx
match
  %y = logsigmoid(%x)
where
  no_spec(..)
rewrite
  %n = neg(%x)
  %s = softplus(%n)
  %y = neg(%s)
