# heading
rule r
match
  %y = relu(%x)
where no_spec(..)
where is_float(%x)      # error: `where` comes last in a match, once
rewrite
  %y = silu(%x)
