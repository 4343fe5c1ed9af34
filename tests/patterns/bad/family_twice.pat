family @conv = conv1d conv2d      # error: the family '@conv' is there already
