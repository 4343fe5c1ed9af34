# group_norm(x, w, b)  ==>  group_norm(x, w) + b
#
# The bias goes by channel, which is axis 1.
rule group_norm_bias_to_onnx
match
  %y = group_norm(%x, %weight?, %bias) {..$how}
where
  rank(%x) >= 3, no_spec(..)
rewrite
  %n = group_norm(%x, %weight?) {..$how}
  %b = view(%bias) {size: concat([-1], map($i in range(rank(%x) - 2), 1))}
  %y = add(%n, %b)

# group_norm(x, w)  ==>  group_norm(x) * w
rule group_norm_weight_to_onnx
match
  %y = group_norm(%x, %weight) {..$how}
where
  rank(%x) >= 3, no_spec(..)
rewrite
  %n = group_norm(%x) {..$how}
  %w = view(%weight) {size: concat([-1], map($i in range(rank(%x) - 2), 1))}
  %y = mul(%n, %w)

# group_norm(x)  ==>  view(instance_norm(reshape(x) {shape: [0, groups, -1]}))
#
# Each group of channels is normalized as one channel, as PyTorch's exporter writes it; ONNX has an op with a weight for each channel
# from opset 21 on.
rule group_norm_to_onnx
match
  %y = group_norm(%x) {num_groups: $groups, eps: $eps}
where
  is_float(%x), rank(%x) >= 3, unknown_extents(%x) <= 1, no_spec(..)
rewrite
  %r = reshape(%x) {shape: [0, $groups, -1], allowzero: false}
  %i = instance_norm(%r) {eps: $eps}
  %y = view(%i) {size: dims(%x)}

# The same, where more than one extent is not known.
rule group_norm_of_unknown_extents_to_onnx
match
  %y = group_norm(%x) {num_groups: $groups, eps: $eps}
where
  is_float(%x), rank(%x) >= 3, unknown_extents(%x) > 1, no_spec(..)
rewrite
  %r = reshape(%x) {shape: [0, $groups, -1], allowzero: false}
  %i = instance_norm(%r) {eps: $eps}
  %s = shape(%x)
  %y = reshape(%i, %s) {allowzero: false}
