# heading
rule r
match
  %y = relu(%x)   one_use      # error: the root's results are there to be used by others
where no_spec(..)
rewrite
  %y = silu(%x)
