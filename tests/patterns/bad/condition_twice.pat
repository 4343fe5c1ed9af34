condition rank(%x) = is_float(%x)      # error: there is a predicate 'rank' already
