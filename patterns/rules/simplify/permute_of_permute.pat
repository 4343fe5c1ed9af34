# permute(permute(x, p), q)  ==>  permute(x, p . q)
#
# Axis i of the result is axis q[i] of the inner permute, which is axis p[q[i]] of x. For any rank.
rule permute_of_permute
match
  %a = permute(%x) {dims: $p}
  %y = permute(%a) {dims: $q}
where
  no_spec(..)
rewrite
  %y = permute(%x) {dims: compose($p, $q)}
