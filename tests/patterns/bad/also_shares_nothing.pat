# heading
rule r
match
  %y = relu(%x)
  also %z = relu(%w)      # error: no operand of this line is a value that the others bind
where no_spec(..)
rewrite
  %y = silu(%x)
  %z = silu(%w)
