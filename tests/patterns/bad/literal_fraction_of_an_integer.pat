# heading
rule r
match
  %y = add(%x, 1.5: i32)                # error: 1.5 is no i32
where no_spec(..)
rewrite
  %y = relu(%x)
