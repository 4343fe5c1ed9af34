# heading
rule r
match
  %y = hardtanh(%x) {min_val: $a, ..$a}      # error: $a is used both with and without `..`
where no_spec(..)
rewrite
  %y = hardtanh(%x) {..$a}
