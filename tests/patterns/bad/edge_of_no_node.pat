# heading
rule r
match
  %y = relu(%x)
where no_spec(..), has_spec(%x.weight)      # error: %x is no matched node's result: it has no edges here
rewrite
  %y = silu(%x)
