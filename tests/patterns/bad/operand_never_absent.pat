# heading
rule r
match
  %y = relu(%x?)      # error: operand x of relu is never absent
where no_spec(..)
rewrite
  %y = relu(%x)
