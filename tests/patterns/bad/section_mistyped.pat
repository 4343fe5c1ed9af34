# heading
rule r
match
  %y = relu(%x)
where no_spec(..)
rewrite
  %y = silu(%x)

# heading
ruel s      # error: this begins no line; did you mean 'rule'?
match
  %y = relu(%x)
where no_spec(..)
rewrite
  %y = silu(%x)
