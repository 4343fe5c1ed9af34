# Parts of a tensor, and what is made of parts.

# y is x's entries from start to end by step:  dx = dy at those places, else 0
rule gradient_slice
match
  context %y = slice(%x, %start?, %end?, %step?) {dim: $dim, start: $from, end: $to, step: $by}
  %dx = gradient(%y, %dy)
rewrite
  %dx = slice_backward(%dy, %x, %start?, %end?, %step?) {dim: $dim, start: $from, end: $to, step: $by}

# y is the x next to each other:  each dx = its part of dy
rule gradient_cat
match
  context %y = cat(..%xs) {dim: $dim}
  ..%dxs = gradient(%y, %dy)
rewrite
  ..%dxs = cat_backward(%dy, ..%xs) {dim: $dim}

# The ys are parts of x:  dx = the dys next to each other
rule gradient_split
match
  context %y = split(%x) {dim: $dim}
  %dx = gradient(%y, ..%dys)
rewrite
  %dx = cat(..%dys) {dim: $dim}

# y is x with some of its own elements around it:  dx = dy added up where its elements came from
rule gradient_pad_of_itself
match
  context %y = pad(%x, _, %pads?) {pad: $pad, mode: $mode}
  %dx = gradient(%y, %dy)
where
  $mode != "constant"
rewrite
  %dx = pad_backward(%dy, %x, _, %pads?) {pad: $pad, mode: $mode}

# y is x's entries by index:  dx = dy added up at those
rule gradient_index_select
match
  context %y = index_select(%x, %index) {dim: $dim}
  %dx = gradient(%y, %dy)
rewrite
  %dx = index_select_backward(%dy, %x, %index) {dim: $dim}
