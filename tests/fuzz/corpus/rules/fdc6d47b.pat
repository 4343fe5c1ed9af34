# heading
rule r
match
  %y = conv2d(%x, %w) {stride: [1, 1, 1], ..$c}            # error: attribute stride of conv2d has 2 entries, not 3
where no_spec(..)
rewrite
  %y = conv2d(%x, %w) {stride: [1, 1], ..$c}
