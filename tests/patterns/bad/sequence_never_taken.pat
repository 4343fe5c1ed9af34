# A layer.
sequence conv2d relu

# Another.
sequence linear relu

# Any layer, after one of them.
sequence conv1d|conv2d relu      # error: the sequence of line 2 is never taken
