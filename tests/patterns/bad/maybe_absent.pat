# heading
rule r
match
  %y = conv2d(%x, %w, %b?) {..$c}
where no_spec(..)
rewrite
  %z = relu(%b)      # error: %b may be absent: write ? after it, or make it with an else
  %y = conv2d(%x, %w, %z) {..$c}
