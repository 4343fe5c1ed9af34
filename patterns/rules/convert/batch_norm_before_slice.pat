# bn(slice(x))  ==>  slice(bn(x))
#
# A batch norm that uses its running statistics does the same to every element of a channel, and a slice along another axis
# leaves the channels whole. Importing a transposed convolution whose padding is not symmetric leaves a slice for each axis
# behind it, at most three: the batch norm goes on to the convolution.
rule batch_norm_before_slice
match
  third? {
    %b = slice(%c) {dim: $d3, start: $s3, end: $e3, step: $t3}   one_use
    where $d3 != 1, $d3 + rank(%c) != 1
  } else {
    %b = %c
  }
  second? {
    %a = slice(%b) {dim: $d2, start: $s2, end: $e2, step: $t2}   one_use
    where $d2 != 1, $d2 + rank(%b) != 1
  } else {
    %a = %b
  }
  %s = slice(%a) {dim: $d1, start: $s1, end: $e1, step: $t1}     one_use
  %y = batch_norm(%s, %gamma?, %beta?, %mean, %var, %n?) {training: false, ..$how}
where
  rank(%c) > 2, $d1 != 1, $d1 + rank(%a) != 1, not third or second, no_spec(..)
rewrite
  %z0 = batch_norm(%c, %gamma?, %beta?, %mean, %var, %n?) {training: false, ..$how}   source %y
  %z1 = slice(%z0) {dim: $d3, start: $s3, end: $e3, step: $t3}   if third else %z0
  %z2 = slice(%z1) {dim: $d2, start: $s2, end: $e2, step: $t2}   if second else %z1
  %y = slice(%z2) {dim: $d1, start: $s1, end: $e1, step: $t1}    source %s
