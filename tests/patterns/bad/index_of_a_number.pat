# heading
rule r
match
  %y = relu(%x)
where
  no_spec(..),
  rank(%x)[0] == 2        # error: only a list has entries, not a number
rewrite
  %y = silu(%x)
