# heading
rule r
match
  %y = softmax(%x) {dim: $d}
where no_spec(..), map($i in dims(%x), $i == 1) == [1, 2]      # error: lists hold numbers, not a bool
rewrite
  %y = softmax(%x) {dim: $d}
