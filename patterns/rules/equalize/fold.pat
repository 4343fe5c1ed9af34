# The scales that equalize chose are multiplied into what they scale, which keeps its name.

# w * channel(s), w / channel(s)  ==>  a parameter
#
# Evaluated now: s is a buffer that nothing updates.
rule fold_scaled_weight
match
  %y = mul|div:o(%w, channel(%s, %w) {axis: $axis, groups: $groups})
where
  tensor(%w), buffer(%s), no_spec(..)
rewrite
  const %v = @o(%w, channel(%s, %w) {axis: $axis, groups: $groups})   named %w  kind parameter
  %y = %v

# b / s  ==>  a parameter
rule fold_scaled_bias
match
  %y = div(%b, %s)
where
  parameter(%b), buffer(%s), rank(%b) == 1, same_shape(%b, %s), no_spec(..)
rewrite
  const %v = div(%b, %s)   named %b  kind parameter
  %y = %v

# bound / s  ==>  a constant, for each channel
rule fold_scaled_bound
match
  %y = div(%k, view(%s) {size: $size})
where
  constant(%k), buffer(%s), no_spec(..)
rewrite
  const %v = div(%k, view(%s) {size: $size})   named %k
  %y = %v
