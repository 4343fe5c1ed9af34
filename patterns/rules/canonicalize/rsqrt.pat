# 1 / sqrt(x)  ==>  rsqrt(x)
#
# The definition. PyTorch's exporter writes two nodes.
rule rsqrt
match
  %s = sqrt(%x)   one_use
  %y = div(1.0, %s)
where
  rank(%x) >= 0, no_spec(..)
rewrite
  %y = rsqrt(%x)

# The same, by the op for one over something.
rule rsqrt_by_reciprocal
match
  %s = sqrt(%x)   one_use
  %y = reciprocal(%s)
where
  rank(%x) >= 0, no_spec(..)
rewrite
  %y = rsqrt(%x)
