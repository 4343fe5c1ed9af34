# heading
rule r
match
  %y = rellu(%x)      # error: unknown op 'rellu'
  %z = mul(%x %y)     # error: a comma is missing
where
  is_flaot(%x),       # error: unknown predicate 'is_flaot'
  $d = 1              # error: write `==` to compare
rewrite
  %y = sliu(%x)       # error: unknown op 'sliu'

# heading
rule s
match
  %y = hardtanh(%x) {lowest: 1.0, drop ..}      # error: hardtanh has no attribute 'lowest'
  %z = softmax(%y) {dmi: 0, drop ..}            # error: softmax has no attribute 'dmi'; did you mean 'dim'?
rewrite
  %y = relu(%x)

# heading
rule t
match
  %y = relu(%x)
where
  no_spec(..),
  is_float(%a),      # error: %a is not bound here
  is_float(%b)       # error: %b is not bound here
rewrite
  %y = silu(%x)

# heading
rule u
match
  %y = relu(%x)
where no_spec(..)
rewrite
  %z = relu(%a)      # error: %a is not bound here
  %y = silu(%c)      # error: %c is not bound here
