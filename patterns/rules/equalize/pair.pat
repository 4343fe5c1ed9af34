# What lets a scale above 0 through: f(s x) = s f(x), channel by channel.
family @pass_scale = relu leaky_relu
family @max_scale = max_pool1d max_pool2d max_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d
family @avg_scale = avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
family @pool_scale = @max_scale @avg_scale

# conv2(f(conv1(x, w, b)), v)  ==>  conv2(f(conv1(x, w/s, b/s)), v*s)
#
# A layer is linear in its weight, and f(x/s) = f(x)/s where s > 0: s, one number for each channel between the two, may be
# anything. It begins as ones; the pass `equalize` chooses it so that both weights reach equally far in each channel. What
# bounds f is divided as well: a hardtanh becomes a clamp with a bound for each channel. Of what is pooled to one place
# flatten makes what a linear reads.
rule equalize_pair
match
  chained? {
    %w = mul(%w0, channel(%s0, %w0) {drop ..})
    where tensor(%w0), buffer(%s0)
  } else {
    where tensor(%w)
  }
  %c = @conv|linear:c(%x, %w, %b?) {..$conv}   one_use
  bounded? {
    %t = hardtanh(%c) {min_val: $low, max_val: $high}   one_use
  } else {
    clamped? {
      %t = clamp(%c, %lo?, %hi?)   one_use
      where not %lo or constant(%lo), not %hi or constant(%hi)
    } else {
      active? {
        %t = @pass_scale:f(%c) {..$f}   one_use
      } else {
        %t = %c
      }
    }
  }
  pooled? {
    %p = @pool_scale:p(%t) {..$p}   one_use
  } else {
    %p = %t
  }
  flat? {
    %z = flatten(%p) {start_dim: 1, ..$flat}   one_use
    where rank(%z) == 2, dim(%z, 1) == dim(%c, -1 if @c in linear else 1)
  } else {
    %z = %p
  }
  %y = @conv|linear:d(%z, %v, %e?) {..$next}
where
  dtype(%w) == f32, uses(%w) == 1, dtype(%v) == f32, tensor(%v), uses(%v) == 1,
  not %b or parameter(%b) and dtype(%b) == f32, (@c in linear or flat) == (@d in linear), not pooled or not (@c in linear),
  dim(%c, -1 if @c in linear else 1) > 0, no_spec(..)
rewrite
  const %n = slice(view(zeros_like(%w)) {size: [-1]}) {dim: 0, start: 0, end: dim(%c, -1 if @c in linear else 1), step: 1}
  const %s = add(%n, 1.0)   named %w:equalize  kind buffer
  %w1 = div(%w, channel(%s, %w) {axis: @c.weight_axis, groups: @c.weight_groups})
  %b1 = div(%b, %s)   if %b
  %c1 = @c(%x, %w1, %b1?) {..$conv}   source %c
  %k = view(%s) {size: concat(-1, map($i in range(0 if @c in linear else rank(%c) - 2), 1))}   if bounded or clamped
  if bounded {
    const %l = $low: f32
    const %h = $high: f32
    %t1 = clamp(%c1, div(%l, %k), div(%h, %k))   source %t
  } else {
    if clamped {
      %lo1 = div(%lo, %k)   if %lo
      %hi1 = div(%hi, %k)   if %hi
      %t1 = clamp(%c1, %lo1?, %hi1?)   source %t
    } else {
      if active {
        %t1 = @f(%c1) {..$f}   source %t
      } else {
        %t1 = %c1
      }
    }
  }
  if pooled {
    %p1 = @p(%t1) {..$p}   source %p
  } else {
    %p1 = %t1
  }
  if flat {
    %z1 = flatten(%p1) {start_dim: 1, ..$flat}   source %z
  } else {
    %z1 = %p1
  }
  %v1 = mul(%v, channel(%s, %v) {axis: @d.input_axis, groups: @d.input_groups})
  %y = @d(%z1, %v1, %e?) {..$next}
