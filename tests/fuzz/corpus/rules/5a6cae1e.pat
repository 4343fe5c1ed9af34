condition c(%x, $nor: an annotation on this ing
rule r
match
  %a = relu(%x)      # error: an annotation on this value would be lost
  %y = relu(%ts
rewrite
  %y = silu(%x)
