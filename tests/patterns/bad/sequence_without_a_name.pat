# A layer.
sequence conv2d relu
  evaluation 3      # error: expected the name of a rule
