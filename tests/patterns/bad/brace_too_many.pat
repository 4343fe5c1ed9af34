# heading
rule r
match
  %y = relu(%z)
  }      # error: this } closes nothing
where no_spec(..)
rewrite
  %y = silu(%z)
