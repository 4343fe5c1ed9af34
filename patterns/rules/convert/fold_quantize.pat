# Q(w, s, z)  ==>  an integer constant, where w, s and z come from tensors alone.
# Evaluated now, into a tensor of its own: a weight that two quantizes share stays as it is for the other one.
rule fold_quantize
match
  %q = @q(%w, %s, %z) {..$how}
where
  const(%w), const(%s), const(%z), no_spec(..)
rewrite
  const %q = @q(%w, %s, %z) {..$how}   named %w   kind constant
