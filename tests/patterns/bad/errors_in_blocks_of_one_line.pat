# heading
rule r
match
  unless { also %m = maen(%y) }          # error: unknown op 'maen'
  deep? { %a = relu(%x) {foo: 1} }       # error: relu has no attribute 'foo'
  else { %a = tnah(%x) }                 # error: unknown op 'tnah'
  %b = rellu(%a)                         # error: unknown op 'rellu'
  %y = relu(%b)
where
  is_flaot(%a),                          # error: unknown predicate 'is_flaot'
  (is_float(%y) and $d)                  # error: $d is not bound here
rewrite
  if deep { %c = sliu(%b) } else { %c = %nosuch }   # error: unknown op 'sliu'
  %y = silu(%c)
