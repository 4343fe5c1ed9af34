# What fuse-modules makes of modules that follow each other: the sequences that PyTorch's fuse_modules knows. Of each the
# rules that are applied to its nodes: in evaluation, and in training with a quantizer. A part's own name is what its
# tensors are called by in the fused module (NAME.bn.weight). passes/README.md has a table.
family @direct = conv1d conv2d conv3d

# A convolution is linear in its weight and bias, so a batch norm that uses its running statistics is a part of it. In
# training the weight is quantized as it will be folded.
sequence @direct batch_norm:bn
  evaluation fold_conv_bn
  qat fuse_conv_bn_qat

# The same with a relu after it.
sequence @direct batch_norm:bn relu
  evaluation fold_conv_bn
  qat fuse_conv_bn_qat

# Nothing is rewritten: what lies between the two is neither observed nor quantized.
sequence @direct relu

# As a convolution's.
sequence linear batch_norm:bn
  evaluation fold_conv_bn
  qat fuse_conv_bn_qat

# As a convolution's.
sequence linear relu

# No convolution that it could be folded into.
sequence batch_norm relu

# As a convolution's: the output channels are the weight's other axis.
sequence @conv_transpose batch_norm:bn
  evaluation fold_conv_bn
  qat fuse_conv_bn_qat
