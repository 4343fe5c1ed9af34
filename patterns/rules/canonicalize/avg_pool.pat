# avg_pool(pad(x))  ==>  avg_pool(x) {padding, count_include_pad}
# Zeros put round the input count as elements of the windows that hold them. Exporters write count_include_pad so.
rule avg_pool1d_of_pad
match
  %p = pad(%x) {pad: $p, mode: "constant", value: 0.0}   one_use
  %y = avg_pool1d(%p) {kernel_size: $k, padding: [0], ceil_mode: false, drop count_include_pad, ..$how}
where
  length($p) == 2, $p[0] >= 0, $p[0] == $p[1], 2 * $p[0] <= $k[0], no_spec(..)
rewrite
  %y = avg_pool1d(%x) {kernel_size: $k, padding: [$p[0]], ceil_mode: false, count_include_pad: true, ..$how}

# The same over two axes.
rule avg_pool2d_of_pad
match
  %p = pad(%x) {pad: $p, mode: "constant", value: 0.0}   one_use
  %y = avg_pool2d(%p) {kernel_size: $k, padding: [0, 0], ceil_mode: false, drop count_include_pad, ..$how}
where
  length($p) == 4, $p[0] >= 0, $p[0] == $p[1], 2 * $p[0] <= $k[1],
  $p[2] >= 0, $p[2] == $p[3], 2 * $p[2] <= $k[0], no_spec(..)
rewrite
  %y = avg_pool2d(%x) {kernel_size: $k, padding: [$p[2], $p[0]], ceil_mode: false, count_include_pad: true, ..$how}

# The same over three axes.
rule avg_pool3d_of_pad
match
  %p = pad(%x) {pad: $p, mode: "constant", value: 0.0}   one_use
  %y = avg_pool3d(%p) {kernel_size: $k, padding: [0, 0, 0], ceil_mode: false, drop count_include_pad, ..$how}
where
  length($p) == 6, $p[0] >= 0, $p[0] == $p[1], 2 * $p[0] <= $k[2],
  $p[2] >= 0, $p[2] == $p[3], 2 * $p[2] <= $k[1], $p[4] >= 0, $p[4] == $p[5], 2 * $p[4] <= $k[0], no_spec(..)
rewrite
  %y = avg_pool3d(%x) {kernel_size: $k, padding: [$p[4], $p[2], $p[0]], ceil_mode: false, count_include_pad: true, ..$how}
