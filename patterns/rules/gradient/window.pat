# Windows and interpolation: each element of dy is shared among those of x that it was made of, by their weights.

# y = sum(|x|^p)^(1/p) of windows:  dx = dy sign(x) (|x| / y)^(p - 1), added up over the windows
rule gradient_lp_pool1d
match
  context %y = lp_pool1d(%x) {..$how}
  %dx = gradient(%y, %dy)
rewrite
  %dx = lp_pool1d_backward(%dy, %x, %y) {..$how}

# y = sum(|x|^p)^(1/p) of windows:  dx = dy sign(x) (|x| / y)^(p - 1), added up over the windows
rule gradient_lp_pool2d
match
  context %y = lp_pool2d(%x) {..$how}
  %dx = gradient(%y, %dy)
rewrite
  %dx = lp_pool2d_backward(%dy, %x, %y) {..$how}

# y = sum(|x|^p)^(1/p) of windows:  dx = dy sign(x) (|x| / y)^(p - 1), added up over the windows
rule gradient_lp_pool3d
match
  context %y = lp_pool3d(%x) {..$how}
  %dx = gradient(%y, %dy)
rewrite
  %dx = lp_pool3d_backward(%dy, %x, %y) {..$how}

# y = x at other extents, each element a sum of some of x's by weights:  dx = dy by the same weights
rule gradient_resize
match
  context %y = resize(%x, %sizes?, %factors?) {..$how}
  %dx = gradient(%y, %dy)
rewrite
  %dx = resize_backward(%dy, %x, %sizes?, %factors?) {..$how}

# y = x sampled at the points of grid:  dx = dy by the weights of the taps,  dgrid = what the weights change by
rule gradient_grid_sampler
match
  context %y = grid_sampler(%x, %grid) {..$how}
  %dx, %dgrid = gradient(%y, %dy)
rewrite
  %a, %b = grid_sampler_backward(%dy, %x, %grid) {..$how}
  %dx = %a
  %dgrid = %b

# y = means of samples in boxes of x:  dx = dy by the weights of the samples; boxes have no gradient, as in torchvision
rule gradient_roi_align
match
  context %y = roi_align(%x, %rois) {mode: "avg", spatial_scale: $scale, pooled_height: $h, pooled_width: $w, sampling_ratio: $ratio, aligned: $aligned}
  %dx = gradient(%y, %dy)
rewrite
  %dx = roi_align_backward(%dy, %x, %rois) {mode: "avg", spatial_scale: $scale, pooled_height: $h, pooled_width: $w, sampling_ratio: $ratio, aligned: $aligned}
