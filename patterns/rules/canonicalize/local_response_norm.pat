# x / (k + alpha mean(x^2 of neighbouring channels))^beta  ==>  local_response_norm(x)
#
# The definition. The mean is a pool over the channels, for which the squares get an axis before them; PyTorch's exporter
# writes all of it. The windows reach size / 2 channels before and (size - 1) / 2 after, and what is outside counts as 0.
rule local_response_norm
match
  power? {
    %q = pow(%x, 2.0)                      one_use
  } else {
    %q = mul(%x, %x)                       one_use
  }
  %u = unsqueeze(%q) {dim: 1}              one_use
  viewed? {
    %v = view(%u) {drop size}              one_use
    where dim(%v, 0) == dim(%x, 0) or product(extents(%v, 2, none)) == product(extents(%x, 1, none))
  } else { # of as many samples as x has, however many
    %h = shape(%x) {start: 0, end: none}
    %i = index_select(%h, %first) {dim: 0}
    %n = unsqueeze(%i) {dim: 0}
    %c = cat(%n, ..%rest) {dim: 0}
    %v = reshape(%u, %c) {shape: none, allowzero: false}     one_use
    where constant(%first), rank(%first) == 0, int(%first) == 0
  }
  uneven? {
    %p = pad(%v) {pad: $pad, mode: "constant", value: 0.0}   one_use
    %a = avg_pool3d(%p) {kernel_size: $size, stride: [1, 1, 1], padding: [0, 0, 0], ceil_mode: false, dilation: [1, 1, 1],
                         drop count_include_pad}             one_use
    where $pad == [0, 0, 0, 0, $size[0] / 2, ($size[0] - 1) / 2]
  } else {
    %a = avg_pool3d(%v) {kernel_size: $size, stride: [1, 1, 1], padding: $sides, ceil_mode: false, dilation: [1, 1, 1],
                         count_include_pad: true}            one_use
    where $sides == [$size[0] / 2, 0, 0], $size[0] / 2 == ($size[0] - 1) / 2
  }
  %s = squeeze(%a) {dim: [1]}              one_use
  %t = view(%s) {drop size}                one_use
  %m = mul(%t, %alpha)                     one_use
  %b = add(%m, %k)                         one_use
  %w = pow(%b, %beta)                      one_use
  %y = div(%x, %w)
where
  rank(%x) >= 4, rank(%v) == 5, dim(%v, 1) == 1, dim(%v, 2) == dim(%x, 1),
  rank(%t) == rank(%x), extents(%t, 1, none) == extents(%x, 1, none), $size[1] == 1, $size[2] == 1, no_spec(..)
rewrite
  %y = local_response_norm(%x) {size: $size[0], alpha: number(%alpha), beta: number(%beta), k: number(%k)}
  if not viewed {
    drop ..%rest   # what axes there are, the types say
  }

# The same of signals: one axis behind the channels needs no view.
rule local_response_norm_1d
match
  power? {
    %q = pow(%x, 2.0)                      one_use
  } else {
    %q = mul(%x, %x)                       one_use
  }
  %u = unsqueeze(%q) {dim: 1}              one_use
  uneven? {
    %p = pad(%u) {pad: $pad, mode: "constant", value: 0.0}   one_use
    %a = avg_pool2d(%p) {kernel_size: $size, stride: [1, 1], padding: [0, 0], ceil_mode: false, dilation: [1, 1],
                         drop count_include_pad}             one_use
    where $pad == [0, 0, $size[0] / 2, ($size[0] - 1) / 2]
  } else {
    %a = avg_pool2d(%u) {kernel_size: $size, stride: [1, 1], padding: $sides, ceil_mode: false, dilation: [1, 1],
                         count_include_pad: true}            one_use
    where $sides == [$size[0] / 2, 0], $size[0] / 2 == ($size[0] - 1) / 2
  }
  %s = squeeze(%a) {dim: [1]}              one_use
  %m = mul(%s, %alpha)                     one_use
  %b = add(%m, %k)                         one_use
  %w = pow(%b, %beta)                      one_use
  %y = div(%x, %w)
where
  rank(%x) == 3, $size[1] == 1, no_spec(..)
rewrite
  %y = local_response_norm(%x) {size: $size[0], alpha: number(%alpha), beta: number(%beta), k: number(%k)}
