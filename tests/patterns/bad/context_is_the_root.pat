# heading
rule r
match
  context %y = relu(%x)      # error: the root is what the rule is about
where no_spec(..)
rewrite
  %y = silu(%x)
