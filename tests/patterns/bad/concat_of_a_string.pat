# heading
rule r
match
  %y = softmax(%x) {dim: $d}
where no_spec(..), concat(dims(%x), "a") == [1]      # error: a list is needed here, not a string
rewrite
  %y = softmax(%x) {dim: $d}
