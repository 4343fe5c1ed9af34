# heading
rule r
match
  %y = relu(%x)
  unless {
    %x = relu(_)      # error: operand x of relu is never absent: _ stands for none; a name that comes once stands for any
  }
where no_spec(..)
rewrite
  %y = silu(%x)
