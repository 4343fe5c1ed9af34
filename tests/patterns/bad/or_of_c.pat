# heading
rule r
match
  %y = relu(%x)
where no_spec(..), rank(%x) == 2 || is_float(%x)      # error: write `or`
rewrite
  %y = silu(%x)
