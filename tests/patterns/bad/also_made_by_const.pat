# heading
rule r
match
  %y = relu(%x)
  also %z = sigmoid(%x)
where no_spec(..), const(%x)
rewrite
  %y = silu(%x)
  const %z = sigmoid(%x)      # error: a const line cannot make a result of an `also` line
