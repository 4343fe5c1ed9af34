# heading
rule r
match
  %y = hardtanh(%x) {min_val: 0.0}      # error: attribute max_val of hardtanh is neither matched nor kept
where no_spec(..)
rewrite
  %y = relu(%x)
