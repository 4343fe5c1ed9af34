# A layer.ÿwequence conv2d r¢“Šõ  training fold_conv_bnone_use      # error: expected `rule`
