# A layer.
sequence conv2d batch_nrom relu      # error: unknown op 'batch_nrom'
  evaluation fold_conv_bn
