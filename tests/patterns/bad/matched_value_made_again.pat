# heading
rule r
match
  %a = relu(%x)
  %y = relu(%a)
where no_spec(..)
rewrite
  %a = silu(%x)      # error: %a belongs to the match: only the root's results can be made again
  %y = relu(%x)
