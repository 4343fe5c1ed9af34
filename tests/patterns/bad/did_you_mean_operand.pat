# heading
rule r
match
  %y = conv2d(%x, %w, %b?) {..$how}
where no_spec(..), has_spec(%y.wieght)      # error: conv2d has no operand 'wieght'; did you mean 'weight'?
rewrite
  %y = conv2d(%x, %w, %b?) {..$how}
