# heading
rule r
match
  %y = relu(%x)
where
  is_float(%x)
  no_spec(..)      # error: a comma is missing between this condition and the one before it
rewrite
  %y = silu(%x)
