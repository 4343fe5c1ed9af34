# heading
rule r
match
  %y = relu(%x)
where no_spec(..), !is_float(%x)      # error: write `not`
rewrite
  %y = silu(%x)
