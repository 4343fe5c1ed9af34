# heading
rule r
match
  %y = relu(%x)
where
  rank(%x), no_spec(..)      # error: this is no condition
rewrite
  %y = silu(%x)
