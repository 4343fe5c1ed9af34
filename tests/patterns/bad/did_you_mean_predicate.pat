# heading
rule r
match
  %y = relu(%x)
where no_spec(..), is_flaot(%x)      # error: unknown predicate 'is_flaot'; did you mean 'is_float'?
rewrite
  %y = silu(%x)
