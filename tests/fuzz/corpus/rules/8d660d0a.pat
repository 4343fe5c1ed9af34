# sqrt(sum(x^2))  ==>  linalg_vector_norm(x)
#
# The definition of the norm of order 2.
rule vector_norm
match
  power? {
    %q = pow(%x, 2.0)             one_use
  } else {
    %q = mul(%x, %x)              one_use
  }
  %s = sum(%q) {..$over}          one_use
  %y = sqrt(%s)
where
  is_float(%x), no_spec(..)
rewrite
  %y = linalg_vector_norm(%x) {..$over}

# x / max(norm(x), eps)  ==>  normalize(x)
#
# The definition of torch.nn.functional.normalize, whose exports expand the norm to x's shape first.
rule normalize
match
  %n = linalg_vector_norm(%x) {ord: $p, dim: $dim, keepdim: true}   one_use
  clamped? {
    %c = clamp(%n, %eps)          one_use
  } else {
    %c = maximum(%n, %eps)        one_use
  }
  expanded? {
    by_shape? {
      %shape = shape(%x) {start: 0, end: none}
      %e = expand(%c, %shape) {size: none}    one_use
    } else {
      %e = expand(%c) {size: $size}           one_use
      where every($i in range(length($size)), $size[$i] == -1 or $size[$i] == dim(%x, $i)), length($size) == rank(%x)
    }
  } else {
    %e = %c
  }
  %y = div(%x, %e)
where
  length($dim) == 1, number(%eps) > 0, $p > 0, $p < inf, no_spec(..)
rewrite
  %y = normalize(%x) {p: $p, dim: $dim[0], eps: number(%eps)}

# x / sqrt(max(sum(x^2), 1e-12))  ==>  normalize(x) {eps: 1e-6}
#
# As TensorFlow's l2_normalize is written, with the eps that it has unless told: of the square, so its root is normalize's.
rule normalize_of_squares
match
  power? {
    %q = pow(%x, 2.0)             one_use
  } else {
    %q = mul(%x, %x)              one_use
  }
  %s = sum(%q) {dim: $dim, keepdim: true}   one_use
  clamped? {
    %c = clamp(%s, 1e-12)         one_use
  } else {
    %c = maximum(%s, 1e-12)       one_use
  }
  %r = rsqrt(%c)                  one_use
  %y = mul(%x, %r)
where
  is_float(%x), length($dim) == 1, no_spec(..)
rewrite
  %y = normalize(%x) {p: 2.0, dim: $dim[0], eps: 1e-6}
