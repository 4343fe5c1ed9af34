# heading
rule r
match
  %y = conv2d(%x, %w) {stride: $s, ..$c}
where
  no_spec(..),
  $s != [1, 1, 1]        # error: a list of 2 entries is never one of 3
rewrite
  %y = conv2d(%x, %w) {stride: $s, ..$c}
