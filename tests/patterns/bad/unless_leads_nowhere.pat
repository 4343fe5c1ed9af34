# heading
rule r
match
  %y = relu(%x)
  unless {
    %a = relu(%b)      # error: nothing leads to this line
  }
where no_spec(..)
rewrite
  %y = silu(%x)
