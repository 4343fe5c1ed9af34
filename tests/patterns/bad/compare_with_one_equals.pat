# heading
rule r
match
  %y = flatten(%x) {start_dim: $d, drop ..}
where no_spec(..), $d = 1      # error: write `==` to compare
rewrite
  %y = flatten(%x) {start_dim: $d}
