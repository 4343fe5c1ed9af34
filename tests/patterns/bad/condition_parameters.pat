condition c(%x, $n) = rank(%x) == $n
# heading
rule r
match
  %y = relu(%x)
where no_spec(..), c(%x)      # error: the condition c wants 2 arguments
rewrite
  %y = silu(%x)
