# heading
rule r
match
  %y = relu(%x)
  unless {
    %x = relu(%z)
  }
where no_spec(..)
rewrite
  %y = silu(%z)      # error: %z is not bound here
