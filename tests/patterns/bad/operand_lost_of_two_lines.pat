# heading
rule r
match
  %p = linear(%x, %w, %b)             # error: the rewrite names the operand %b no more
  %q = linear(%z, %w, %b)
  %y = add(%p, %q)
where no_spec(..)
rewrite
  %s = add(%x, %z)
  %y = linear(%s, %w)
