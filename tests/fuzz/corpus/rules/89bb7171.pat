# log(1 + exp(x))  ==>  softplus(x)
#
# The definition. Where exp(x) is infinite softplus is x.
rule softplus
match
  %e = exp(%x)         one_use
  %p = add(%e, 1.0)    one_use
  %y = log(%p)
where
  rank(%x) >= 0, no_spec(..)
rewrite
  %y = softplus(%x)

# max(x, 0) + log(1 + exp(-|x|))  ==>  softplus(x)
#
# With x taken out of the logarithm where it is positive, so that nothing overflows.
rule softplus_without_overflow
match
  %r = relu(%x)        one_use
  %a = abs(%x)         one_use
  %n = neg(%a)         one_use
  %s = softplus(%n) {beta: 1.0, threshold: $t}   one_use
  %y = add(%r, %s)
where
  rank(%x) >= 0, $t >= 20, no_spec(..)
rewrite
  %y = softplus(%x)

# softplus(k x) / k  ==>  softplus(x) {beta: k}
#
# As PyTorch's exporter writes a beta other than 1.
rule softplus_of_beta
match
  %m = mul(%x, %k)                        one_use
  %s = softplus(%m) {beta: 1.0, ..$how}   one_use
  %y = div(%s, %d)
where
  rank(%x) >= 0, number(%k) == number(%d), number(%k) > 0, no_spec(..)
rewrite
  %y = softplus(%x) {beta: number(%k), ..$how}
