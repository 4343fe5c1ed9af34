# rsqrt(x)  ==>  1 / sqrt(x)
#
# The definition; canonicalize knows it again.
rule rsqrt_to_onnx
match
  %y = rsqrt(%x)
where
  is_float(%x), no_spec(..)
rewrite
  %s = sqrt(%x)
  %y = reciprocal(%s)
