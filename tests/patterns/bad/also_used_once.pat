# heading
rule r
match
  %y = relu(%x)
  also %z = sigmoid(%x)   one_use      # error: one_use is for what it uses
where no_spec(..)
rewrite
  %y = silu(%x)
  %z = tanh(%x)
