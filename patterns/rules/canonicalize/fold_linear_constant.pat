# One number for each output of a linear, or one for all.
condition is_per_output(%k, %y) =
  elements(%k) == 1 and rank(%k) <= rank(%y)
  or rank(%k) >= 1 and rank(%k) <= rank(%y) and dim(%k, -1) == elements(%k) and dim(%y, -1) == elements(%k)

# linear(x, w, b) * k  ==>  linear(x, w*k, b*k)
#
# A linear is linear in its weight and bias, and k scales one output each. The weight has no other reader, so that no two
# linears stop sharing theirs.
rule fold_linear_mul
match
  %c = linear(%x, %w, %b?)   one_use
  %y = mul(%c, %k)
where
  is_float(%w), tensor(%w), uses(%w) == 1, not %b or tensor(%b), constant(%k), is_per_output(%k, %c), dim(%c, -1) > 0,
  rank(%y) == rank(%c), no_spec(..)
rewrite
  const %v  = expand(view(%k) {size: [-1]}) {size: [dim(%c, -1)]}
  const %w2 = mul(%w, unsqueeze(%v) {dim: 1})   named %w  kind parameter
  const %b2 = mul(%b, %v)   if %b  named %b  kind parameter
  %y = linear(%x, %w2, %b2?)   source %c

# linear(x, w, b) / k  ==>  linear(x, w/k, b/k)
rule fold_linear_div
match
  %c = linear(%x, %w, %b?)   one_use
  %y = div(%c, %k)
where
  is_float(%w), tensor(%w), uses(%w) == 1, not %b or tensor(%b), constant(%k), is_per_output(%k, %c), dim(%c, -1) > 0,
  rank(%y) == rank(%c), no_spec(..)
rewrite
  const %v  = expand(view(%k) {size: [-1]}) {size: [dim(%c, -1)]}
  const %w2 = div(%w, unsqueeze(%v) {dim: 1})   named %w  kind parameter
  const %b2 = div(%b, %v)   if %b  named %b  kind parameter
  %y = linear(%x, %w2, %b2?)   source %c

# linear(x, w, b) + k  ==>  linear(x, w, b + k)
rule fold_linear_add
match
  %c = linear(%x, %w, %b)   one_use
  %y = add(%c, %k)
where
  is_float(%b), tensor(%b), constant(%k), is_per_output(%k, %c), dim(%c, -1) > 0, rank(%y) == rank(%c), no_spec(..)
rewrite
  const %v  = expand(view(%k) {size: [-1]}) {size: [dim(%c, -1)]}
  const %b2 = add(%b, %v)   named %b  kind parameter
  %y = linear(%x, %w, %b2)   source %c

# linear(x, w) + k  ==>  linear(x, w, k)
rule fold_linear_add_without_bias
match
  %c = linear(%x, %w)   one_use
  %y = add(%c, %k)
where
  is_float(%w), tensor(%w), constant(%k), is_per_output(%k, %c), dim(%c, -1) > 0, rank(%y) == rank(%c), no_spec(..)
rewrite
  const %v  = expand(view(%k) {size: [-1]}) {size: [dim(%c, -1)]}
  const %b2 = add(zeros_like(%v), %v)   named %w:bias  kind parameter
  %y = linear(%x, %w, %b2)   source %c

# linear(x, w, b) - k  ==>  linear(x, w, b - k)
rule fold_linear_sub
match
  %c = linear(%x, %w, %b)   one_use
  %y = sub(%c, %k)
where
  is_float(%b), tensor(%b), constant(%k), is_per_output(%k, %c), dim(%c, -1) > 0, rank(%y) == rank(%c), no_spec(..)
rewrite
  const %v  = expand(view(%k) {size: [-1]}) {size: [dim(%c, -1)]}
  const %b2 = sub(%b, %v)   named %b  kind parameter
  %y = linear(%x, %w, %b2)   source %c

# linear(x, w) - k  ==>  linear(x, w, -k)
rule fold_linear_sub_without_bias
match
  %c = linear(%x, %w)   one_use
  %y = sub(%c, %k)
where
  is_float(%w), tensor(%w), constant(%k), is_per_output(%k, %c), dim(%c, -1) > 0, rank(%y) == rank(%c), no_spec(..)
rewrite
  const %v  = expand(view(%k) {size: [-1]}) {size: [dim(%c, -1)]}
  const %b2 = sub(zeros_like(%v), %v)   named %w:bias  kind parameter
  %y = linear(%x, %w, %b2)   source %c
