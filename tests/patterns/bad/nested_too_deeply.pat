# heading
rule r
match
  %y = relu(%x)
where
  (((((((((((((((((((((((((((((((((((((((((((((((((((((((((((( true      # error: nested deeper than 40
rewrite
  %y = silu(%x)
