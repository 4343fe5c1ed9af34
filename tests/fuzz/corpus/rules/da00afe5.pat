# heading
rule r
match
  %y = relu(%x)
where no_spec(..), every($i, $i > 0)      # error: expected `in` and a list
rewrite
  %y = silu(%x)
