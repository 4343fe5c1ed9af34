# A layer.
sequence conv2d relu
  training fold_conv_bn      # error: expected `rule`
