rule r      # error: the rule r has no heading
match
  %y = relu(%x)
rewrite
  %y = silu(%x)
