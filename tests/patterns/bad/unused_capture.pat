# heading
rule r
match
  %y = hardtanh(%x) {min_val: $lo, max_val: 6.0}      # error: $lo is captured and never used
where no_spec(..)
rewrite
  %y = relu(%x)
