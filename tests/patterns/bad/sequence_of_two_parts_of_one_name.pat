# A layer with two batch norms.
sequence conv2d batch_norm:bn batch_norm:bn      # error: two parts are called bn
