# heading
rule r
match
  %y = relu(%x)
where
  no_spec(..),
  dims(%x) > [1, 2]        # error: only numbers are ordered, not a list
rewrite
  %y = silu(%x)
