# op(integers)  ==>  their value
#
# Shape arithmetic: what shapes, slices and concatenations of known integers give is known. Parameters and buffers are
# left alone: they may change.
rule fold_integers
match
  %y = @any:op(..%xs) {..$how}
where
  is_integer(%y), constant(..%xs), elements(%y) <= 64, elements(%y) >= 0, no_spec(..)
rewrite
  const %y = @op(..%xs) {..$how}
