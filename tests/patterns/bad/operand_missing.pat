# heading
rule r
match
  %y = add(%x)      # error: add needs an operand other
rewrite
  %y = relu(%x)
