condition is_depthwise(%x) = rank(%x) == 2
# heading
rule r
match
  %y = relu(%x)
where no_spec(..), is_deptwise(%x)      # error: unknown predicate 'is_deptwise'; did you mean 'is_depthwise'?
rewrite
  %y = silu(%x)
