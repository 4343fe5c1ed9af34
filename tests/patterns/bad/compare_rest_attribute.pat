# heading
rule r
match
  %y = conv2d(%x, %w) {..$c}
where
  no_spec(..),
  $c.groups == "one"        # error: a number is never a string
rewrite
  %y = conv2d(%x, %w) {..$c}
