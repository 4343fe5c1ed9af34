# heading
rule r
match
  %y = conv2d(%x, %w) {stride: $s, ..$c}
where
  no_spec(..),
  $s == 1        # error: a list is never a number
rewrite
  %y = conv2d(%x, %w) {stride: $s, ..$c}
