# heading
rule r
match
  %y = relu(%x)
where no_spec(..)
rewrite
  %y = @pool(%x) {kernel_size: [2, 2]}      # error: no matched line says which member of the family this is
