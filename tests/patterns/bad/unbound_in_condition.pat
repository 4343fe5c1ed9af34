# heading
rule r
match
  %y = relu(%x)
where
  is_float(%b), no_spec(..)      # error: %b is not bound here
rewrite
  %y = silu(%x)
