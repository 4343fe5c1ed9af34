# heading
rule r
match
  %y = relu(%x)
where no_spec(..)
rewrite
  %y = add(%x, 300: i8)                 # error: 300 is no i8
