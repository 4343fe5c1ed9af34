# Of two numbers, and choices between them. What was broadcast is summed up again behind the rules.

# y = x / other:  dx = dy / other,  dother = -dy y / other
rule gradient_div
match
  context %y = div(%x, %other)
  %dx, %dother = gradient(%y, %dy)
rewrite
  %d = div(%dy, %other)
  %dx = %d
  %dother = neg(mul(%d, %y))

# y = x^p:  dx = dy p x^(p - 1), 0 where p is 0,   dp = dy y log(x), 0 where x is 0 and p is not negative
rule gradient_pow
match
  context %y = pow(%x, %p)
  %dx, %dp = gradient(%y, %dy)
rewrite
  %slope = mul(%p, pow(%x, sub(%p, 1.0)))
  %dx = where(eq(%p, 0.0), 0.0, mul(%dy, %slope))
  %flat = logical_and(eq(%x, 0.0), ge(%p, 0.0))
  %dp = mul(%dy, where(%flat, 0.0, mul(%y, log(%x))))

# y = max(x, other):  dy flows to the larger one, half of it to each of two that are equal
rule gradient_maximum
match
  context %y = maximum(%x, %other)
  %dx, %dother = gradient(%y, %dy)
rewrite
  %half = mul(%dy, 0.5)
  %equal = eq(%x, %other)
  %dx = where(%equal, %half, where(lt(%x, %other), 0.0, %dy))
  %dother = where(%equal, %half, where(gt(%x, %other), 0.0, %dy))

# y = min(x, other):  dy flows to the smaller one, half of it to each of two that are equal
rule gradient_minimum
match
  context %y = minimum(%x, %other)
  %dx, %dother = gradient(%y, %dy)
rewrite
  %half = mul(%dy, 0.5)
  %equal = eq(%x, %other)
  %dx = where(%equal, %half, where(gt(%x, %other), 0.0, %dy))
  %dother = where(%equal, %half, where(lt(%x, %other), 0.0, %dy))

# y = x - floor(x / other) other:  dx = dy,  dother = -dy floor(x / other)
rule gradient_remainder
match
  context %y = remainder(%x, %other)
  %dx, %dother = gradient(%y, %dy)
rewrite
  %dx = %dy
  %dother = neg(mul(%dy, floor(div(%x, %other))))

# y = x - trunc(x / other) other:  dx = dy,  dother = -dy trunc(x / other)
rule gradient_fmod
match
  context %y = fmod(%x, %other)
  %dx, %dother = gradient(%y, %dy)
rewrite
  %dx = %dy
  %q = div(%x, %other)
  %dother = neg(mul(%dy, mul(sign(%q), floor(abs(%q)))))

# y = x where c, else other:  dx = dy where c, else 0;  dother = 0 where c, else dy
rule gradient_where
match
  context %y = where(%c, %x, %other)
  %dc, %dx, %dother = gradient(%y, %dy)
rewrite
  %dc = zeros_like(%c)
  %dx = where(%c, %dy, 0.0)
  %dother = where(%c, 0.0, %dy)

# y = min(max(x, low), high):  dx = dy where low <= x <= high,  dlow = dy where x < low < high,  dhigh = dy where x > high or high < low
rule gradient_clamp
match
  context %y = clamp(%x, %low, %high)
  %dx, %dlow, %dhigh = gradient(%y, %dy)
rewrite
  %below = lt(%x, %low)
  %above = gt(%x, %high)
  %dx = where(logical_or(%below, %above), 0.0, %dy)
  %dlow = where(logical_and(%below, lt(%low, %high)), %dy, 0.0)
  %dhigh = where(logical_or(%above, lt(%high, %low)), %dy, 0.0)

# y = max(x, low):  dx = dy where low <= x,  dlow = dy where x < low
rule gradient_clamp_min
match
  context %y = clamp(%x, %low, _)
  %dx, %dlow = gradient(%y, %dy)
rewrite
  %below = lt(%x, %low)
  %dx = where(%below, 0.0, %dy)
  %dlow = where(%below, %dy, 0.0)

# y = min(x, high):  dx = dy where x <= high,  dhigh = dy where x > high
rule gradient_clamp_max
match
  context %y = clamp(%x, _, %high)
  %dx, %none?, %dhigh = gradient(%y, %dy)
rewrite
  %none? = none
  %above = gt(%x, %high)
  %dx = where(%above, 0.0, %dy)
  %dhigh = where(%above, %dy, 0.0)

# y = x, without bounds:  dx = dy
rule gradient_clamp_of_none
match
  context %y = clamp(%x, _, _)
  %dx = gradient(%y, %dy)
rewrite
  %dx = %dy
