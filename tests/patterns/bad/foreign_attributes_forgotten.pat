# heading
rule r
match
  %a, %b = "two"(%x)                 # error: two may have attributes that no table lists: capture them with ..$name, or drop ..
where no_spec(..)
rewrite
  %a, %b = "q"(%x)
