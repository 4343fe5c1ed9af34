# heading
rule r
match
  %y = elu(%x) {alpha: $a}
  %x = mul(%z, $a)      # error: a match has a number here, or a name: what is computed stands in `where`
where no_spec(..)
rewrite
  %y = elu(%z) {alpha: $a}
