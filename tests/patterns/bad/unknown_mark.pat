# A mark that nobody asks for.
rule r mark merged   # error: expected a mark (inserted, training_form, converted, fused, frozen, backward), found merged
match
  %y = relu(%x)
rewrite
  %y = silu(%x)
