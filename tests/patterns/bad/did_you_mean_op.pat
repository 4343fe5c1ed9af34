# heading
rule r
match
  %s = sigmod(%x)      # error: unknown op 'sigmod'; did you mean 'sigmoid'?
  %y = mul(%x, %s)
where no_spec(..)
rewrite
  %y = silu(%x)
