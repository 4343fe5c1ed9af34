condition a($x) = $x > 0 and $x > 1 and $x > 2 and $x > 3 and $x > 4      # error: an expression of more than 1000 parts
condition b($x) = a($x) and a($x) and a($x) and a($x) and a($x)
condition c($x) = b($x) and b($x) and b($x) and b($x) and b($x)
condition d($x) = c($x) and c($x) and c($x) and c($x) and c($x)
condition e($x) = d($x) and d($x)
