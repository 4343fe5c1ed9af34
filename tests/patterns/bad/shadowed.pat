# any relu
rule all
match
  %y = relu(%x)
where no_spec(..)
rewrite
  %y = silu(%x)

# a relu of a relu
rule some      # error: the rule some is never reached: all, before it, takes every match
match
  %a = relu(%x)
  %y = relu(%a)
where no_spec(..)
rewrite
  %y = relu(%x)
