# heading
rule r
match
  %y = relu(%x)
  unless {
    %x = relu(%z)   one_use      # error: `one_use` counts what the rule takes
  }
where no_spec(..)
rewrite
  %y = silu(%x)
