# fake_quantize(x, s, z)  ==>  x
# Not an equality: this is qat-to-float, which gives up quantization.
rule remove_fake_quantize
match
  %y = fake_quantize(%x, %s, %z) {drop ..}
where
  no_spec(..)
rewrite
  drop %s   # its observer, which nothing reads then, goes with what is dead
  drop %z
  %y = %x
