# A mark that nobody asks for.
rule r mark fused     # error: expected a mark (inserted, training_form, converted), found fused
match
  %y = relu(%x)
rewrite
  %y = silu(%x)
