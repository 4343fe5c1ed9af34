# heading
rule r
match
  %y = relu(%x)
where no_spec(..)
rewrite
  %y = silu(%x

# heading
rule s      # error: a `)` is missing before this
match
  %y = silu(%x)
where no_spec(..)
rewrite
  %y = relu(%x)
