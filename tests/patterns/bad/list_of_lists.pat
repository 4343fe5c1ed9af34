# heading
rule r
match
  %y = softmax(%x) {dim: $d}
where no_spec(..), dims(%x) == [[1]]      # error: lists hold numbers, not a list
rewrite
  %y = softmax(%x) {dim: $d}
