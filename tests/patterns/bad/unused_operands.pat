# heading
rule r
match
  %y = cat(%a, ..%rest) {drop dim}      # error: ..%rest is captured and never used
where no_spec(..)
rewrite
  %y = relu(%a)
