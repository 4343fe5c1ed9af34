# heading
rule r
match
  %y = hardtanh(%x) {..$rest}
where no_spec(..)
rewrite
  %y = softmax(%x) {dim: 1, ..$rest}      # error: the rest has an attribute min_val that softmax has not
