# heading
rule r
match
  %y = relu(%x)
where
  no_spec(..),
  dtype(%x) + 1 == 2        # error: arithmetic needs numbers, not a dtype
rewrite
  %y = silu(%x)
