# heading
rule r
match
  %y = hardtanh(%x) {min_val: 0.0, min_val: 1.0, drop ..}      # error: attribute 'min_val' is given twice
where no_spec(..)
rewrite
  %y = relu(%x)
