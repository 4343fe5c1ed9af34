# Concatenations and splits of dequantized numbers. Operands with one scale join two by two; those with another than the result's
# are brought to it first.

# Q(cat(.., DQ(x), ..), sy)  ==>  Q(cat(.., DQ(requantized x, sy), ..), sy)   where x's scale or zero point is another
#
# Quantizing element by element may come before they are joined.
rule requantize_before_cat
match
  %d = dequantize_per_tensor(%x, %s, %z) {drop ..}
  %c = cat(..%before, %d, ..%after) {dim: $dim}   one_use
  %y = quantize_per_tensor(%c, %sy, %zy) {by_division: $by, quant_min: $min, quant_max: $max, dtype: $dtype}
  unless {
    %d = dequantize_per_tensor(%other, %sy, %zy) {dtype: $dtype}
  }
where
  dtype(%x) == $dtype, $dtype == i8 or $dtype == u8 or $dtype == i16, constant(%s), constant(%z), no_spec(..)
rewrite
  const %scales = view(%s) {size: [1]}
  const %zeros = view(%z) {size: [1]}
  %q = quantized.cat(%scales, %zeros, %sy, %zy, %x) {quant_min: $min, quant_max: $max, dtype: $dtype}   source %d
  %dy = dequantize_per_tensor(%q, %sy, %zy) {quant_min: $min, quant_max: $max, dtype: $dtype}   source %d
  %cy = cat(..%before, %dy, ..%after) {dim: $dim}   source %c
  %y = quantize_per_tensor(%cy, %sy, %zy) {by_division: $by, quant_min: $min, quant_max: $max, dtype: $dtype}

# cat(DQ(x))  ==>  DQ(x)
#
# Nothing is joined.
rule sink_cat_of_one
match
  %d = dequantize_per_tensor(%x, %s, %z) {..$q}
  %y = cat(%d) {drop dim}
where
  no_spec(..)
rewrite
  %y = dequantize_per_tensor(%x, %s, %z) {..$q}   source %d

# cat(DQ(x), DQ(o))  ==>  DQ(cat(x, o))   where both have one scale and zero point
#
# Nothing is computed.
rule sink_cat
match
  %a = dequantize_per_tensor(%x, %s, %z) {..$q}
  %b = dequantize_per_tensor(%o, %s, %z) {..$q}
  %y = cat(%a, %b) {..$how}
where
  no_spec(..)
rewrite
  %c = cat(%x, %o) {..$how}                        source %y
  %y = dequantize_per_tensor(%c, %s, %z) {..$q}    source %a

# cat(DQ(x), DQ(o), ..)  ==>  cat(DQ(cat(x, o)), ..)
#
# The same with more behind them.
rule sink_cat_stepwise
match
  %a = dequantize_per_tensor(%x, %s, %z) {..$q}
  %b = dequantize_per_tensor(%o, %s, %z) {..$q}
  %y = cat(%a, %b, ..%more) {..$how}
where
  no_spec(..)
rewrite
  %c = cat(%x, %o) {..$how}                        source %y
  %d = dequantize_per_tensor(%c, %s, %z) {..$q}    source %a
  %y = cat(%d, ..%more) {..$how}

# cat(cat(..), ..)  ==>  cat(.., ..)   of integers
#
# What the rule before leaves.
rule flatten_cat
match
  %c = cat(..%first, %last) {..$how}   one_use
  %y = cat(%c, ..%more) {..$how}
where
  is_integer(%y), no_spec(..)
rewrite
  %y = cat(..%first, %last, ..%more) {..$how}

# split(DQ(x))  ==>  DQ of each of split(x)
#
# Nothing is computed.
rule sink_split_in_two
match
  %d = dequantize_per_tensor(%x, %s, %z) {..$q}
  %a, %b = split(%d) {..$how}
where
  no_spec(..)
rewrite
  %xa, %xb = split(%x) {..$how}                     source %a
  %a = dequantize_per_tensor(%xa, %s, %z) {..$q}    source %d
  %db = dequantize_per_tensor(%xb, %s, %z) {..$q}   source %d
  %b = %db

# split(DQ(x))  ==>  DQ of each of split(x)
#
# The same in three parts.
rule sink_split_in_three
match
  %d = dequantize_per_tensor(%x, %s, %z) {..$q}
  %a, %b, %c = split(%d) {..$how}
where
  no_spec(..)
rewrite
  %xa, %xb, %xc = split(%x) {..$how}                source %a
  %a = dequantize_per_tensor(%xa, %s, %z) {..$q}    source %d
  %db = dequantize_per_tensor(%xb, %s, %z) {..$q}   source %d
  %dc = dequantize_per_tensor(%xc, %s, %z) {..$q}   source %d
  %b = %db
  %c = %dc

# split(DQ(x))  ==>  DQ of slices of x,   of four to eight parts
#
# A part is a slice; the first begins at 0, each where the one before it ends.
rule sink_split_in_many
match
  %d = dequantize_per_tensor(%x, %s, %z) {..$q}
  %p0, %p1, %p2, %p3, %p4?, %p5?, %p6?, %p7? = split(%d) {split_sizes: $n, dim: $dim}
where
  no_spec(..)
rewrite
  %p0 = dequantize_per_tensor(slice(%x) {dim: $dim, start: 0, end: sum(slice($n, 0, 1))}, %s, %z) {..$q}   source %d
  %d1 = dequantize_per_tensor(slice(%x) {dim: $dim, start: sum(slice($n, 0, 1)), end: sum(slice($n, 0, 2))}, %s, %z) {..$q}   source %d
  %p1 = %d1
  %d2 = dequantize_per_tensor(slice(%x) {dim: $dim, start: sum(slice($n, 0, 2)), end: sum(slice($n, 0, 3))}, %s, %z) {..$q}   source %d
  %p2 = %d2
  %d3 = dequantize_per_tensor(slice(%x) {dim: $dim, start: sum(slice($n, 0, 3)), end: sum(slice($n, 0, 4))}, %s, %z) {..$q}   source %d
  %p3 = %d3
  %d4 = dequantize_per_tensor(slice(%x) {dim: $dim, start: sum(slice($n, 0, 4)), end: sum(slice($n, 0, 5))}, %s, %z) {..$q}   source %d   if %p4
  %p4? = %d4?
  %d5 = dequantize_per_tensor(slice(%x) {dim: $dim, start: sum(slice($n, 0, 5)), end: sum(slice($n, 0, 6))}, %s, %z) {..$q}   source %d   if %p5
  %p5? = %d5?
  %d6 = dequantize_per_tensor(slice(%x) {dim: $dim, start: sum(slice($n, 0, 6)), end: sum(slice($n, 0, 7))}, %s, %z) {..$q}   source %d   if %p6
  %p6? = %d6?
  %d7 = dequantize_per_tensor(slice(%x) {dim: $dim, start: sum(slice($n, 0, 7)), end: sum(slice($n, 0, 8))}, %s, %z) {..$q}   source %d   if %p7
  %p7? = %d7?
