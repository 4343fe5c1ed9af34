# heading
rule r
match
  %a = relu(%x)
  %y = relu(%a)
where no_spec(..)
rewrite
  %a = silu(%x)      # error: %a belongs to the match: only the results of the root, and of `also` lines
  %y = relu(%x)
