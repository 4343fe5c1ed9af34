# heading
rule r
match
  %y = hardtanh(%x) {min_vall: 0.0, drop ..}      # error: hardtanh has no attribute 'min_vall'; did you mean 'min_val'?
where no_spec(..)
rewrite
  %y = relu(%x)
