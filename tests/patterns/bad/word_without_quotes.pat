# heading
rule r
match
  %y = pad(%x) {mode: constant, drop ..}      # error: a text stands in quotes
where no_spec(..)
rewrite
  %y = relu(%x)
