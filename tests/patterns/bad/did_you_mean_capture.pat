# heading
rule r
match
  %y = hardtanh(%x) {min_val: $min, max_val: $max}
where no_spec(..), $max == 6.0
rewrite
  %y = hardtanh(%x) {min_val: $mim, max_val: 6.0}      # error: $mim is not bound here; did you mean '$min'?
