# heading
rule r
match
  %y = softmax(%x) {dim: $d}
where no_spec(..), is_none($d)max(%x) {dim: $d}
