# heading
rule r
match
  %y = relu(%x)
where no_spec(..)
rewrite
  %y = silu(%x)

# heading
rule r      # error: there is a rule r already
match
  %y = silu(%x)
where no_spec(..)
rewrite
  %y = relu(%x)
