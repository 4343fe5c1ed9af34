# heading
rule r
match
  %y = relu(%x)
where no_spec(..)
rewrite
  %y = add(%x, %b)      # error: %b is not bound here
