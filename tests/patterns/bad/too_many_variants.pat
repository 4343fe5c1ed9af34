# heading
rule r
match
  a? { %b = relu(%a) } else { %b = %a }      # error: the groups give more than 64 variants
  b? { %c = relu(%b) } else { %c = %b }
  c? { %d = relu(%c) } else { %d = %c }
  d? { %e = relu(%d) } else { %e = %d }
  e? { %f = relu(%e) } else { %f = %e }
  f? { %g = relu(%f) } else { %g = %f }
  g? { %h = relu(%g) } else { %h = %g }
  %y = relu(%h)
where no_spec(..)
rewrite
  %y = relu(%a)
