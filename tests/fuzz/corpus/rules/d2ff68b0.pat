# heading
rule r
match
  %y = softmax(%x) {dim: $d}
where no_spec(..), every($i in "a", $i == 1)      # error: a list is needed here, not a string
rewrite
  %y = softmax(%x) {dim: $d}
