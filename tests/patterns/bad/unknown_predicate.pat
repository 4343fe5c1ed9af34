# heading
rule r
match
  %y = relu(%x)
where
  looks_nice(%x)      # error: unknown predicate 'looks_nice'
rewrite
  %y = silu(%x)
