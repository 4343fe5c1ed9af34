# heading
rule r
match
  %y = relu(%input)
where no_spec(..)
rewrite
  %y = silu(%imput)      # error: %imput is not bound here; did you mean '%input'?
