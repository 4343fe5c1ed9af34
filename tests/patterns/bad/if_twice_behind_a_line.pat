# relu(x) = clamp(x, 0, inf), but for the numbers.
rule relu_by_rank
match
  %y = relu(%x)
where no_spec(..)
rewrite
  %t = silu(%x) if rank(%x) == 2 else gelu(%x) if rank(%x) == 4 else elu(%x)      # error: a second `if` behind one line
  %y = %t
