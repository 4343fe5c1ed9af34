# remainder(x, other)  ==>  x - floor(x / other) * other
#
# The definition; ONNX's Mod of floats has x's sign.
rule remainder_to_onnx
match
  %y = remainder(%x, %other)
where
  is_float(%x), is_float(%other), no_spec(..)
rewrite
  %q = div(%x, %other)
  %f = floor(%q)
  %p = mul(%f, %other)
  %y = sub(%x, %p)
