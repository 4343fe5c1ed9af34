# heading
rule r
match
  %y = flatten(%x) {start_dim: $d, drop ..}
  $d == 1      # error: conditions stand after `where`
where no_spec(..)
rewrite
  %y = flatten(%x) {start_dim: $d}
