# heading
rule r
match
  %y = gelu(%x) {approximate: $a}
where
  no_spec(..),
  $a < "tanh"        # error: only numbers are ordered, not a string
rewrite
  %y = gelu(%x) {approximate: $a}
