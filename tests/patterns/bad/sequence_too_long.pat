# A layer.
sequence relu relu relu relu relu relu relu relu relu      # error: a sequence of more than 8 parts
