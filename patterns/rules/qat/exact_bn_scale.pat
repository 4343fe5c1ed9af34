# gamma / sqrt(var + eps), 1 where that is zero or subnormal  ==>  gamma / sqrt(var + eps)
# Not an equality: this is fuse-conv-bn-qat{exact=true}, the training form to the letter. A channel with gamma = 0 divides
# zero by zero there.
rule exact_bn_scale mark training_form
match
  %s = bn_scale(%gamma?, %var) {eps: $eps, exact: false}
where
  no_spec(..)
rewrite
  %s = bn_scale(%gamma?, %var) {eps: $eps, exact: true}
