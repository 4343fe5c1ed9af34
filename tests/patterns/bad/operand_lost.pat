# heading
rule r
match
  %y = conv2d(%x, %w, %b?) {..$a}              # error: the rewrite names the operand %b no more: use it, or say drop %b
where no_spec(..)
rewrite
  %y = conv2d(%x, %w) {..$a}
