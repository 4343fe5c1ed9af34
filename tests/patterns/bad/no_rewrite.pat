# heading
rule r
match
  %y = relu(%x)
where no_spec(..)
rule s      # error: expected `rewrite`, found rule
