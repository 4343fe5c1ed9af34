# Gradients of gradients: what an op of the other files does is linear in dy, and what flows back through it is the op itself.

# y = slice_backward(d):  dd = slice(dy)
rule gradient_slice_backward
match
  context %y = slice_backward(%d, %like, %start?, %end?, %step?) {..$how}
  %dd = gradient(%y, %dy)
rewrite
  %dd = slice(%dy, %start?, %end?, %step?) {..$how}

# y = index_select_backward(d):  dd = index_select(dy)
rule gradient_index_select_backward
match
  context %y = index_select_backward(%d, %like, %index) {..$how}
  %dd = gradient(%y, %dy)
rewrite
  %dd = index_select(%dy, %index) {..$how}

# y = pad_backward(d):  dd = pad(dy), with zeros where pad has a number
rule gradient_pad_backward
match
  context %y = pad_backward(%d, %like, %fill?, %pads?) {pad: $pad, mode: $mode}
  %dd = gradient(%y, %dy)
rewrite
  %dd = pad(%dy, _, %pads?) {pad: $pad, mode: $mode}

# y = resize_backward(d):  dd = resize(dy), with zeros outside
rule gradient_resize_backward
match
  context %y = resize_backward(%d, %like, %sizes?, %factors?) {scales: $scales, mode: $mode, coordinates: $to, rounding: $rounding,
    cubic_coeff_a: $a, exclude_outside: $exclude, antialias: $anti, roi: $roi}
  %dd = gradient(%y, %dy)
rewrite
  %dd = resize(%dy, %sizes?, %factors?) {scales: $scales, mode: $mode, coordinates: $to, rounding: $rounding,
    cubic_coeff_a: $a, exclude_outside: $exclude, antialias: $anti, roi: $roi}

# The parts of d:  dd = what flows to them, next to each other
rule gradient_cat_backward
match
  context %y = cat_backward(%d, ..%tensors) {dim: $dim}
  %dd = gradient(%y, ..%dys)
where
  static_shape(..%tensors)
rewrite
  %dd = cat(..%dys) {dim: $dim}
