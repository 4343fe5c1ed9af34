# heading
rule r
match
  %y = softmax(%x) {dim: $d}
where no_spec(..), range("a") == [1]      # error: a range has an integer's length, not a string
rewrite
  %y = softmax(%x) {dim: $d}
