# heading
rule r
match
  %y = softmax(%x) {dim: $d}
where no_spec(..), is_none($d)      # error: this is never none, not a number
rewrite
  %y = softmax(%x) {dim: $d}
