# heading
rule r
match
  %y = relu(%x)
where no_spec(..)
rewrite
  const %k = 70000: i16                 # error: 70000 is no i16
  %y = "vendor.relu"(%x, %k)
