# heading
rule r
match
  %y = pad(%x) {mode: $m, ..$c}
where
  no_spec(..),
  $m != "constnt"        # error: 'constnt' is none of the words
rewrite
  %y = pad(%x) {mode: $m, ..$c}
