# heading
rule r
match
  %a = sigmoid(%x)      # error: the root does not need this line
  %y = relu(%x)
where no_spec(..)
rewrite
  %y = relu(%a)
