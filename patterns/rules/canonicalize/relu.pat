# max(x, 0)  ==>  relu(x)
#
# The definition.
rule relu
match
  %y = maximum(%x, 0.0)
where
  rank(%x) >= 0, is_float(%x), no_spec(..)
rewrite
  %y = relu(%x)
