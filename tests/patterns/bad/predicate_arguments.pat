# heading
rule r
match
  %y = relu(%x)
where
  dim(%x) == 1      # error: too few arguments for dim
rewrite
  %y = silu(%x)
