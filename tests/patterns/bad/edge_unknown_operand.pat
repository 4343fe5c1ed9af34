# heading
rule r
match
  %y = relu(%x)
where no_spec(..), has_spec(%y.weight)      # error: relu has no operand 'weight'
rewrite
  %y = silu(%x)
