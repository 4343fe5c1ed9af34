# heading
rule r
match
  %y = hardtanh(%x) {lowest: 0.0, drop ..}      # error: hardtanh has no attribute 'lowest'
where no_spec(..)
rewrite
  %y = relu(%x)
