# log(sum(exp(x)))  ==>  logsumexp(x)
#
# The definition, which does not overflow.
rule logsumexp
match
  %e = exp(%x)             one_use
  %s = sum(%e) {..$over}   one_use
  %y = log(%s)
where
  is_float(%x), no_spec(..)
rewrite
  %y = logsumexp(%x) {..$over}
