# heading
rule r
match
  %y = relu(%x)
where no_spec(..)
rewrite
  const %k = 1.0  mark converted    # error: only a line that makes a node has marks
  %y = mul(%x, %k)
