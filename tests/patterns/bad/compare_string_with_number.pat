# heading
rule r
match
  %y = gelu(%x) {approximate: $a}
where
  no_spec(..),
  $a == 1        # error: a string is never a number
rewrite
  %y = gelu(%x) {approximate: $a}
