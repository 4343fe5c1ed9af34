# heading
rule r
match
rewrite      # error: a match needs a line outside of groups
  %y = relu(%x)
