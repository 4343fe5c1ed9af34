# x reversed along an axis, twice  ==>  x
#
# ONNX has no flip: a slice with a step of -1 is one.
rule reversed_twice
match
  %r = slice(%x) {dim: $dim, start: -1, end: -9223372036854775808, step: -1}
  %y = slice(%r) {dim: $dim, start: -1, end: -9223372036854775808, step: -1}
where
  no_spec(..)
rewrite
  %y = %x
