# heading
rule r
match
  %y = softmax(%x) {dim: $d}
where no_spec(..), rank(%x) == 2.5      # error: an integer is never 2.5
rewrite
  %y = softmax(%x) {dim: $d}
