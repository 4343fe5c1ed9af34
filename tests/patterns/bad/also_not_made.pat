# heading
rule r
match
  %y = relu(%x)
  also %z = sigmoid(%x)      # error: %z is a result of an `also` line: the rewrite must make it
where no_spec(..)
rewrite
  %y = silu(%x)
