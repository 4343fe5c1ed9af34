# heading
rule r
match
  scaled? { %z = mul(%x, %s) } else { %z = %x }      # error: the conditions exclude every choice of the groups
  %y = relu(%z)
where no_spec(..), scaled and not scaled
rewrite
  %y = silu(%x)
