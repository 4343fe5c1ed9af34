rule r      # error: the rule r has no heading
match
  %y = relu(%x)
where no_spec(..)
rewrite
  %y = silu(%x)
