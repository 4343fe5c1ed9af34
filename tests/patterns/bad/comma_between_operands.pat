# heading
rule r
match
  %y = mul(%x %s)      # error: a comma is missing
where no_spec(..)
rewrite
  %y = silu(%x)
