# sum_to_size(x, like)  ==>  x   where their extents are the same
#
# Nothing was stretched.
rule sum_to_same_size
match
  %y = sum_to_size(%x, %like)
where
  same_shape(%x, %like), no_spec(..)
rewrite
  %y = %x
  drop %like
