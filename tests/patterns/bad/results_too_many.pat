# heading
rule r
match
  %y, %z = relu(%x)      # error: relu has 1 results, not 2
rewrite
  %y = relu(%x)
