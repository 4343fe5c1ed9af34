# A layer.
sequence conv2d:conv batch_norm:bn      # error: the first part has no name
