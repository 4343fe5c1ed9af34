# unsqueeze(t)  ==>  view(t),   unsqueeze(view(t))  ==>  view(t),   t a tensor of the module
#
# Exporters add the axes of a weight one by one; one view says where they all are.
rule tensor_unsqueezed
match
  viewed? {
    %v = view(%t) {drop size}
  } else {
    %v = %t
  }
  %y = unsqueeze(%v) {drop dim}
where
  tensor(%t), static_shape(%y), no_spec(..)
rewrite
  %y = view(%t) {size: dims(%y)}
