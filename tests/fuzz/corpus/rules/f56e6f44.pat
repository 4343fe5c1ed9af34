# Q2(DQ2(Q1(x)))  ==>  Q1(x)   where Q2 and DQ2 have equal parameters
#
# Q1's integers are in the range of its attributes, which are Q2's too, so that dequantizing and quantizing with one scale
# and zero point gives each of them back: the error of (q - z) * s * (1 / s) is far below half a step, for any scale with a
# finite reciprocal and integers that a float holds. Those of int32 are wider. Q1's own scale may be another.
rule cancel_qdq
match
  %q1 = @q:g(%x, %s1, %z1) {by_division: $by, ..$how}
  %d  = @dq:g(%q1, %s, %z) {..$how}
  %q2 = @q:g(%d, %s, %z) {by_division: $by, ..$how}
where
  $how.quant_min >= -65536, $how.quant_max <= 65536, no_spec(..)
rewrite
  %q2 = %q1
