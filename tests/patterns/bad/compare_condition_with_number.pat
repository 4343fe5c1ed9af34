# heading
rule r
match
  %y = relu(%x)
where
  no_spec(..),
  is_float(%x) == 1        # error: a bool is never a number
rewrite
  %y = silu(%x)
