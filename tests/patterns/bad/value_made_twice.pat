# heading
rule r
match
  %a = relu(%x)
  %a = silu(%x)      # error: %a is made by two lines
  %y = relu(%a)
rewrite
  %y = silu(%x)
