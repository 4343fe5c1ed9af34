# Elementary functions of one number. Where y says it as well as x does, y is read.

# y = sqrt(x):  dx = dy / 2y
rule gradient_sqrt
match
  context %y = sqrt(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = div(mul(%dy, 0.5), %y)

# y = exp(x):  dx = dy y
rule gradient_exp
match
  context %y = exp(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = mul(%dy, %y)

# y = log(x):  dx = dy / x
rule gradient_log
match
  context %y = log(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = div(%dy, %x)

# y = |x|:  dx = dy sign(x), 0 at 0
rule gradient_abs
match
  context %y = abs(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = mul(%dy, sign(%x))

# y = erf(x):  dx = dy 2/sqrt(pi) exp(-x^2)
rule gradient_erf
match
  context %y = erf(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = mul(mul(%dy, 1.1283791670955126), exp(neg(mul(%x, %x))))

# y = sin(x):  dx = dy cos(x)
rule gradient_sin
match
  context %y = sin(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = mul(%dy, cos(%x))

# y = cos(x):  dx = -dy sin(x)
rule gradient_cos
match
  context %y = cos(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = neg(mul(%dy, sin(%x)))

# y = tan(x):  dx = dy (1 + y^2)
rule gradient_tan
match
  context %y = tan(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = mul(%dy, add(mul(%y, %y), 1.0))

# y = asin(x):  dx = dy / sqrt(1 - x^2)
rule gradient_asin
match
  context %y = asin(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = mul(%dy, rsqrt(add(neg(mul(%x, %x)), 1.0)))

# y = acos(x):  dx = -dy / sqrt(1 - x^2)
rule gradient_acos
match
  context %y = acos(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = neg(mul(%dy, rsqrt(add(neg(mul(%x, %x)), 1.0))))

# y = atan(x):  dx = dy / (1 + x^2)
rule gradient_atan
match
  context %y = atan(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = div(%dy, add(mul(%x, %x), 1.0))

# y = sinh(x):  dx = dy cosh(x)
rule gradient_sinh
match
  context %y = sinh(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = mul(%dy, cosh(%x))

# y = cosh(x):  dx = dy sinh(x)
rule gradient_cosh
match
  context %y = cosh(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = mul(%dy, sinh(%x))

# y = tanh(x):  dx = dy (1 - y^2)
rule gradient_tanh
match
  context %y = tanh(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = mul(%dy, add(neg(mul(%y, %y)), 1.0))

# y = asinh(x):  dx = dy / sqrt(x^2 + 1)
rule gradient_asinh
match
  context %y = asinh(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = mul(%dy, rsqrt(add(mul(%x, %x), 1.0)))

# y = acosh(x):  dx = dy / sqrt(x^2 - 1)
rule gradient_acosh
match
  context %y = acosh(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = mul(%dy, rsqrt(sub(mul(%x, %x), 1.0)))

# y = atanh(x):  dx = dy / (1 - x^2)
rule gradient_atanh
match
  context %y = atanh(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = div(%dy, add(neg(mul(%x, %x)), 1.0))

# y = 1 / x:  dx = -dy y^2
rule gradient_reciprocal
match
  context %y = reciprocal(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = neg(mul(%dy, mul(%y, %y)))

# y = 1 / sqrt(x):  dx = -dy y^3 / 2
rule gradient_rsqrt
match
  context %y = rsqrt(%x)
  %dx = gradient(%y, %dy)
rewrite
  %dx = mul(mul(%dy, -0.5), mul(%y, mul(%y, %y)))

# y = x in another element type:  dx = dy in x's
rule gradient_to
match
  context %y = to(%x)
  %dx = gradient(%y, %dy)
where
  is_float(%x)
rewrite
  %dx = to(%dy) {dtype: dtype(%x)}
