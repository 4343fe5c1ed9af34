family @avg_pool = avg_pool1d avg_pool2d avg_pool3d

condition zeros($list) = every($e in $list, $e == 0)

# avg_pool(pad(x))  ==>  avg_pool(x) {padding, count_include_pad}
#
# Zeros put round the input, as many before as behind an axis and at most half a window, count as elements of the windows that hold
# them. Exporters write count_include_pad so. `pad` lists its axes from the last one on, a pair each; the window's come in order.
rule avg_pool_of_pad
match
  %p = pad(%x) {pad: $p, mode: "constant", value: 0.0}   one_use
  %y = @avg_pool(%p) {kernel_size: $k, padding: $none, ceil_mode: false, drop count_include_pad, ..$how}
where
  zeros($none), length($p) == 2 * length($k), slice($p, 0, none, 2) == slice($p, 1, none, 2),
  every($i in range(length($k)), $p[2 * $i] >= 0 and 2 * $p[2 * $i] <= reverse($k)[$i]), no_spec(..)
rewrite
  %y = @avg_pool(%x) {kernel_size: $k, padding: reverse(slice($p, 0, none, 2)), ceil_mode: false, count_include_pad: true, ..$how}
