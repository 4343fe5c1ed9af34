# heading
rule r
match
  %y = relu(%x)
where no_spec(..), every($i in [1, 2], $i + 1)      # error: this is no condition
rewrite
  %y = silu(%x)
