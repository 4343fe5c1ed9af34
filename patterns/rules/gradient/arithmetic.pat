# Sums and products. What was broadcast is summed up again behind the rules (sum_to_size).

# y = x + other:  dx = dy,  dother = dy
rule gradient_add
match
  context %y = add(%x, %other)
  %dx, %dother = gradient(%y, %dy)
rewrite
  %dx = %dy
  %dother = %dy

# y = x - other:  dx = dy,  dother = -dy
rule gradient_sub
match
  context %y = sub(%x, %other)
  %dx, %dother = gradient(%y, %dy)
rewrite
  %dx = %dy
  %dother = neg(%dy)

# y = x * other:  dx = dy * other,  dother = dy * x
rule gradient_mul
match
  context %y = mul(%x, %other)
  %dx, %dother = gradient(%y, %dy)
rewrite
  %dx = mul(%dy, %other)
  %dother = mul(%dy, %x)

# y = -x:  dx = -dy
rule gradient_neg
match
  context %y = neg(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = neg(%dy)
