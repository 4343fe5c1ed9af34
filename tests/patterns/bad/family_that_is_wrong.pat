family @a = rellu      # error: unknown op 'rellu'
# heading
rule r
match
  %y = @a(%x)
where no_spec(..)
rewrite
  %y = silu(%x)
