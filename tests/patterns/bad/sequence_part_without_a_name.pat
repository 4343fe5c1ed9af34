# A layer.
sequence conv2d batch_norm:3      # error: expected a name for the part
