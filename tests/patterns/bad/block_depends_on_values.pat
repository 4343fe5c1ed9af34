# heading
rule r
match
  %y = conv2d(%x, %w, %b?) {..$c}
where no_spec(..)
rewrite
  if %b {      # error: a block may only depend on the match's groups
    %z = relu(%x)
  } else {
    %z = %x
  }
  %y = conv2d(%z, %w, %b?) {..$c}
