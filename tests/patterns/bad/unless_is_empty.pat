# heading
rule r
match
  %y = relu(%x)
  unless {      # error: this `unless` is empty
  }
where no_spec(..)
rewrite
  %y = silu(%x)
