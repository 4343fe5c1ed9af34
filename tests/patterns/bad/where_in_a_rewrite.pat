# heading
rule r
match
  %y = relu(%x)
rewrite
  where no_spec(..)      # error: a rewrite has none
  %y = silu(%x)
