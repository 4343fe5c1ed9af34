# heading
rule r
match
  %y = softmax(%x) {dim: $d}
where no_spec(..), slice(dims(%x), "a", none) == [1]      # error: start, end and step are integers, not a string
rewrite
  %y = softmax(%x) {dim: $d}
