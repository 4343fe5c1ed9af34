# heading
rule r
match
  %y = relu(%x)
where
  no_spec(..),
  dims(%x) == 4        # error: a list is never a number
rewrite
  %y = silu(%x)
