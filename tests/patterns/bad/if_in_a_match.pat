# heading
rule r
match
  %y = conv2d(%x, %w, %b?) {..$how} if %b      # error: a match has no `if`
where no_spec(..)
rewrite
  %y = conv2d(%x, %w, %b?) {..$how}
