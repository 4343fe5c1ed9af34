# heading
rule r
match
  %y = relu(%x)
where no_spec(..)
rewrite
  %y = silu(%x) if scaled      # error: 'scaled' is no group of this rule and no option
