# 1 / (1 + exp(-x))  ==>  sigmoid(x)
#
# The definition. Where exp(-x) is infinite both are 0.
rule sigmoid
match
  %n = neg(%x)         one_use
  %e = exp(%n)         one_use
  %p = add(%e, 1.0)    one_use
  %y = div(1.0, %p)
where
  rank(%x) >= 0, no_spec(..)
rewrite
  %y = sigmoid(%x)

# The same, by the op for one over something.
rule sigmoid_by_reciprocal
match
  %n = neg(%x)         one_use
  %e = exp(%n)         one_use
  %p = add(%e, 1.0)    one_use
  %y = reciprocal(%p)
where
  rank(%x) >= 0, no_spec(..)
rewrite
  %y = sigmoid(%x)
