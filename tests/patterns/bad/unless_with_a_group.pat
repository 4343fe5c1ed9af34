# heading
rule r
match
  %y = relu(%x)
  unless {
    g? {      # error: `unless` has no groups
      %x = relu(%z)
    }
  }
where no_spec(..)
rewrite
  %y = silu(%x)
