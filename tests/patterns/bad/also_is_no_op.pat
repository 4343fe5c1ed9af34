# heading
rule r
match
  %y = relu(%x)
  also %z = %x      # error: `also` and `context` are for lines with an op
where no_spec(..)
rewrite
  %y = silu(%x)
