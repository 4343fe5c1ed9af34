# heading
rule r
match
  %y = softmax(%x) {dim: $d}
where no_spec(..), dims(%x) == ["a", "b"]      # error: lists hold numbers, not a string
rewrite
  %y = softmax(%x) {dim: $d}
