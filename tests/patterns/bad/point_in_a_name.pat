# heading
rule r
match
  %y.a = relu(%x)      # error: a value's name in a rule has no point
rewrite
  %y = silu(%x)
