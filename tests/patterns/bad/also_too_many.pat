# heading
rule r
match
  %y = relu(%x)
  also context %a = relu(%x)
  also context %b = relu(%x)
  also context %c = relu(%x)
  also context %d = relu(%x)      # error: more than 3 lines with `also`
where no_spec(..)
rewrite
  %y = silu(%x)
