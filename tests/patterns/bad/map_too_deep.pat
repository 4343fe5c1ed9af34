# heading
rule r
match
  %y = relu(%x)
where
  no_spec(..),
  some($a in [1], some($b in [1], some($c in [1], some($d in [1], some($e in [1], true)))))      # error: more than 4 of these
rewrite
  %y = silu(%x)
