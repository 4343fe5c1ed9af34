# A layer.
sequence conv2d batch_norm:bn
  evaluation fold_conv_bn
  evaluation fold_quantize      # error: a second `evaluation`
