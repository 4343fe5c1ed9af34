# heading
rule r
match
  %y = relu(%x)
where no_spec(..)
rewrite
  %a = silu(%x)
  const %b = relu(%a)      # error: %a is made by the rewrite: const lines need values known before
  %y = relu(%b)
