# heading
rule r
match
  %y = relu(%x)
where no_spec(..)
rewrite
  %y = silu(%x)   source %x      # error: source %x: no matched node has this result
