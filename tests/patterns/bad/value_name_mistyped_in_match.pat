# heading
rule r
match
  %sig = sigmoid(%x)      # error: no line makes %sgi: did you mean '%sig' there?
  %y = mul(%x, %sgi)
where no_spec(..)
rewrite
  %y = silu(%x)
