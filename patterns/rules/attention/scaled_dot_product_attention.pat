# One number.
condition is_number(%c, %x) = constant(%c) and elements(%c) == 1 and rank(%c) <= rank(%x)

# What is added to the scores, or says which of them count, makes no more rows and columns of them.
condition is_mask(%mask, %scores) =
  rank(%mask) < 1 or (dim(%mask, -1) == 1 or dim(%mask, -1) == dim(%scores, -1))
  and (rank(%mask) < 2 or dim(%mask, -2) == 1 or dim(%mask, -2) == dim(%scores, -2))

# softmax(q k^T * c + mask) v  ==>  scaled_dot_product_attention(q, k, v, mask) {scale: c}
#
# The definition, as exporters spell it out: scaled behind the product by a multiplication or a division, or not; a mask that is
# added, or that says where -inf stands instead; a dropout that does nothing. The products inside are no matmuls any more: what
# quantizes those comes before this rule, or instead of it.
rule scaled_dot_product_attention
match
  %m = matmul(%q, %kt)   one_use
  multiplied? {
    %s = mul(%m, %c)   one_use
    where is_number(%c, %m)
  } else {
    divided? {
      %s = div(%m, %d)   one_use
      where is_number(%d, %m)
    } else {
      %s = %m
    }
  }
  added? {
    %t = add(%s, %mask)   one_use
    where is_mask(%mask, %m)
  } else {
    hidden? {
      %t = where(%hide, -inf, %s)   one_use
      where is_mask(%hide, %m)
    } else {
      shown? {
        %t = where(%mask, %s, -inf)   one_use
        where is_mask(%mask, %m)
      } else {
        %t = %s
        %mask = none
      }
    }
  }
  %p = softmax(%t) {dim: $dim}   one_use
  dropped? {
    %w = dropout(%p) {drop p, training: false}   one_use
  } else {
    %w = %p
  }
  %y = matmul(%w, %v)
where
  is_float(%q), $dim == -1 or $dim == rank(%p) - 1, rank(%q) >= 2, rank(%kt) >= 2, rank(%v) >= 2, no_spec(..)
rewrite
  %k = transpose(%kt) {dim0: -2, dim1: -1}
  if hidden {
    %show = logical_not(%hide)
    %y = scaled_dot_product_attention(%q, %k, %v, %show)
      {scale: number(%c) if multiplied else 1.0 / number(%d) if divided else 1.0}   source %y
  } else {
    %y = scaled_dot_product_attention(%q, %k, %v, %mask?)
      {scale: number(%c) if multiplied else 1.0 / number(%d) if divided else 1.0}   source %y
  }

# attention(q * c, k, v) {scale: s}  ==>  attention(q, k, v) {scale: s c}
#
# The scores are linear in q. PyTorch's exporter scales q and k by the root of the scale each.
rule attention_of_scaled_query
match
  multiplied? {
    %s = mul(%q, %c)
  } else {
    %s = div(%q, %c)
  }
  %y = scaled_dot_product_attention(%s, %k, %v, %mask?) {scale: $scale, ..$how}
where
  is_number(%c, %q), not is_none($scale), no_spec(..)
rewrite
  %y = scaled_dot_product_attention(%q, %k, %v, %mask?)
    {scale: $scale * number(%c) if multiplied else $scale / number(%c), ..$how}   source %y

# attention(q, k * c, v) {scale: s}  ==>  attention(q, k, v) {scale: s c}
#
# So are they in k.
rule attention_of_scaled_key
match
  transposed? {
    %t = transpose(%s) {dim0: -2, dim1: -1}
  } else {
    %t = %s
  }
  multiplied? {
    %s = mul(%k, %c)
  } else {
    %s = div(%k, %c)
  }
  %y = scaled_dot_product_attention(%q, %t, %v, %mask?) {scale: $scale, ..$how}
where
  is_number(%c, %k), not is_none($scale), no_spec(..)
rewrite
  if transposed {
    %k2 = transpose(%k) {dim0: -2, dim1: -1}
  } else {
    %k2 = %k
  }
  %y = scaled_dot_product_attention(%q, %k2, %v, %mask?)
    {scale: $scale * number(%c) if multiplied else $scale / number(%c), ..$how}   source %y

# attention(q, (k^T)^T, v)  ==>  attention(q, k, v)
#
# Two axes swapped twice.
rule attention_of_transposed_key
match
  %kt = transpose(%k) {dim0: $i, dim1: $j}
  %t = transpose(%kt) {dim0: -2, dim1: -1}
  %y = scaled_dot_product_attention(%q, %t, %v, %mask?) {..$how}
where
  min($i, $j) == -2 and max($i, $j) == -1 or min($i, $j) == rank(%k) - 2 and max($i, $j) == rank(%k) - 1, no_spec(..)
rewrite
  %y = scaled_dot_product_attention(%q, %k, %v, %mask?) {..$how}   source %y

# attention(q, permute(k)^T, v)  ==>  attention(q, permute'(k), v)
#
# The last two axes swapped in the permutation.
rule attention_of_permuted_key
match
  %kt = permute(%k) {dims: $p}
  %t = transpose(%kt) {dim0: -2, dim1: -1}
  %y = scaled_dot_product_attention(%q, %t, %v, %mask?) {..$how}
where
  no_spec(..)
rewrite
  %t2 = permute(%k)
    {dims: concat(slice($p, 0, -2), reverse(slice($p, -2, none)))}   if concat(slice($p, 0, -2), reverse(slice($p, -2, none))) != range(length($p)) else %k  source %kt
  %y = scaled_dot_product_attention(%q, %t2, %v, %mask?) {..$how}   source %y
