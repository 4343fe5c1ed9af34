# heading
rule r
match
  %y = softmax(%x) {dim: $d}
where no_spec(..), %x == %y      # error: values are not compared
rewrite
  %y = softmax(%x) {dim: $d}
