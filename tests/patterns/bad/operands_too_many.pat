# heading
rule r
match
  %y = relu(%x, %w)      # error: relu has 1 operands, not 2
rewrite
  %y = relu(%x)
