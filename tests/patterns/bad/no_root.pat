# heading
rule r
match
  deep? {      # error: a match needs a line outside of groups
    %y = relu(%x)
  }
rewrite
  %y = silu(%x)
