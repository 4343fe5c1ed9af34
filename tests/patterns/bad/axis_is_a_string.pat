# heading
rule r
match
  %y = relu(%x)
where
  no_spec(..),
  dim(%x, "last") == 2        # error: an axis is an integer, not a string
rewrite
  %y = silu(%x)
