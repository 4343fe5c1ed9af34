condition c(%x) = rank(%y) == 2      # error: %y is no parameter of the condition c
