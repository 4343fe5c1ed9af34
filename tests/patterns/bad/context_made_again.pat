# heading
rule r
match
  context %a = relu(%x)
  %y = relu(%a)
where no_spec(..)
rewrite
  %a = silu(%x)      # error: %a belongs to the match
  %y = silu(%x)
