condition c(%x) = rank(%x) == 2 or c(%x)      # error: unknown predicate 'c'
