# heading
rule r
match
  %y = relu(%x)      # error: an annotation on the edge %y.x would be lost
rewrite
  %y = silu(%x)
