# y + y = y * 2: not true, but for the condition well formed
rule even
match
  %y = add(%x, %k)
where no_spec(..), is_even(%k, "a")      # error: elements are compared with a number, not a string
rewrite
  %y = mul(%x, %k)
