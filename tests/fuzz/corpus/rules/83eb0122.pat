# Every word of the language once, for the mutations: nothing here is meant to be useful.
family @act = relu silu "vendor.act"
condition square(%x, $n) = rank(%x) == 2 and every($i in dims(%x), $i == $n)
condition wide(%x) = not square(%x, 2) and some($k in map($i in range(rank(%x)), 2 * $i), $k > 1)

# a second root, context, and what must not match
rule beside
match
  context %s = sigmoid(%x)
  %y = mul(%s, %x)
  also %z = add(%x, %c)
  unless {
    %x = relu(%v)
    where uses(%v) == 1
  }
  unless {
    also %m = mean(%y) {dim: $d}
    where length($d) == 2
  }
where
  wide(%x), not is_input(%x), no_spec(..)
rewrite
  %p = silu(%x)
  %z = add(%p, %c)
  %y = mul(%p, 1.0)

# rests before, behind and of results
rule rests
match
  ..%parts = split(%x) {split_sizes: $sizes, dim: $d}
  %c = cat(..%parts) {dim: $d}   one_use
  %y = cat(..%a, %c, ..%b) {dim: $e}
where
  rank(%parts[0]) == rank(%a[0]), concat($sizes, 1) != reverse($sizes), sum($sizes) <= product($sizes), no_spec(..)
rewrite
  %y = cat(..%a, %x, ..%b) {dim: $e}

# groups, families, annotations, constants, warnings
rule groups
match
  scaled? {
    %m = mul(%r, %k)
    where const(%k), no_spec(%m, %m.x, %m.other)
  } else {
    %m = %r
  }
  %r = @act:a(%x) {..$how}
  %y = permute(%m) {dims: $p}
where
  @a in relu|silu, scaled or compose($p, [0, -1]) == slice($p, 0, none, 2), no_spec(%y, %y.x)
rewrite
  if scaled {
    const %k2 = mul(%k, 2.0)   named %k:twice if scaled else %k  kind buffer
    %n = mul(%x, %k2)   source %m
  } else {
    %n = %x
  }
  %q = @a(%n) {..$how}   edges from %r
  value %r -> %q
  %y = permute(%q) {dims: $p}
  warn "said" if rank(%x) > 2

# Two parts of one module, of which one has a name.
sequence conv2d|linear "vendor.norm":norm @act
  evaluation every_word, mine
  qat mine
