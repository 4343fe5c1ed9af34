# x != other  ==>  not (x == other)
#
# The definition, of NaN too.
rule ne_to_onnx
match
  %y = ne(%x, %other)
where
  no_spec(..)
rewrite
  %e = eq(%x, %other)
  %y = logical_not(%e)
