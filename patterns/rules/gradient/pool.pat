# Pools.

# y = the largest of each window:  dx = dy where it was, 0 elsewhere
#
# Of equal ones the first, as the pool has it: its positions are its second result.
rule gradient_max_pool
match
  context %y, %i = max_pool1d|max_pool2d|max_pool3d|adaptive_max_pool1d|adaptive_max_pool2d|adaptive_max_pool3d(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = max_pool_backward(%dy, %i, %x)

# y = the mean of each window:  dx = dy / n,   n elements in the window
rule gradient_avg_pool
match
  context %y = avg_pool1d|avg_pool2d|avg_pool3d(%x) {..$how}
  %dx = gradient(%y, %dy)
rewrite
  %dx = avg_pool_backward(%dy, %x) {..$how}

# y = the mean of each window:  dx = dy / n,   n elements in the window, of which there are as many as y has elements
rule gradient_adaptive_avg_pool
match
  context %y = adaptive_avg_pool1d|adaptive_avg_pool2d|adaptive_avg_pool3d(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = adaptive_avg_pool_backward(%dy, %x)
