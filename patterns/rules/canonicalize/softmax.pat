# exp(x - max(x)) / sum(exp(x - max(x)))  ==>  softmax(x)
#
# The definition; what is subtracted before divides both, and only keeps the powers small.
rule softmax
match
  shifted? {
    %m = amax(%x) {dim: $dim, keepdim: true}   one_use
    %s = sub(%x, %m)                           one_use
  } else {
    %s = %x
  }
  %e = exp(%s)                                 one_use
  %t = sum(%e) {dim: $dim, keepdim: true}      one_use
  %y = div(%e, %t)
where
  rank(%x) >= 0, length($dim) == 1, no_spec(..)
rewrite
  %y = softmax(%x) {dim: $dim[0]}

# log(softmax(x))  ==>  log_softmax(x)
#
# The definition, which does not lose what softmax rounds to 0.
rule log_softmax
match
  %s = softmax(%x) {dim: $dim}                 one_use
  %y = log(%s)
where
  rank(%x) >= 0, no_spec(..)
rewrite
  %y = log_softmax(%x) {dim: $dim}

# x - logsumexp(x)  ==>  log_softmax(x)
rule log_softmax_from_logsumexp
match
  %s = logsumexp(%x) {dim: $dim, keepdim: true}   one_use
  %y = sub(%x, %s)
where
  rank(%x) >= 0, length($dim) == 1, no_spec(..)
rewrite
  %y = log_softmax(%x) {dim: $dim[0]}
