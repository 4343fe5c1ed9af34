# heading
rule r
match
  %y = relu(%x)
where
  no_spec(..),
  dtype(%x) == 32        # error: a dtype is never a number
rewrite
  %y = silu(%x)
