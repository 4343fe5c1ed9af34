# heading
rule r
match
  %y = softmax(%x) {dim: $d}
where no_spec(..), length($d) == 1      # error: a list is needed here, not a number
rewrite
  %y = softmax(%x) {dim: $d}
