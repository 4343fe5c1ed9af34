# heading
rule r
match
  %y = relu(%x)
where no_spec(..)
# another heading
rule s      # error: expected `rewrite`, found rule
match
  %y = relu(%x)
where no_spec(..)
rewrite
  %y = silu(%x)
