# heading
rule r
match
  %y = @convolution(%x, %w) {..$a}      # error: unknown family '@convolution'
rewrite
  %y = @convolution(%x, %w) {..$a}      # error: unknown family
