# A layer.
sequence conv2d
  evaluation fold_conv_bn      # error: expected two ops or more
