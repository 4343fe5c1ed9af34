family @activation = relu hardtanh

sequence conv2d @activation      # error: the sequence has no heading
