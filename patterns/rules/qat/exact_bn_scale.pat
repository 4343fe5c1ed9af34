# gamma / sqrt(var + eps), 1 where that is zero or subnormal  ==>  gamma / sqrt(var + eps)
# Not an equality: this is fuse-conv-bn-qat{exact=true}, the training form to the letter. A channel with gamma = 0 divides
# zero by zero there. Only what was fused now: a layer whose weight is fake-quantized already keeps its form.
rule exact_bn_scale mark training_form
match
  %s = bn_scale(%gamma?, %var) {eps: $eps, exact: false}
  also context %k = channel(%s, %w) {drop ..}
  also context %ws = mul(%k, %w)
  also context %c = @conv|linear(%x, %ws, %b?) {drop ..}
where
  no_spec(..)
rewrite
  %s = bn_scale(%gamma?, %var) {eps: $eps, exact: true}

# gamma / sqrt(var + eps)  ==>  the same, 1 where that is zero or subnormal
# where every channel's is a normal number and none is under 2^-10 of the largest: there they are equal, and dividing by them
# loses nothing. What fuse-conv-bn-qat{form=auto} leaves exact takes the stable form.
rule even_bn_scale mark training_form
match
  %s = bn_scale(%gamma?, %var) {eps: $eps, exact: true}
  also context %k = channel(%s, %w) {drop ..}
  also context %ws = mul(%k, %w)
  also context %c = @conv|linear(%x, %ws, %b?) {drop ..}
where
  is_even(%s, 1.0 / 1024.0), no_spec(..)
rewrite
  %s = bn_scale(%gamma?, %var) {eps: $eps, exact: false}
