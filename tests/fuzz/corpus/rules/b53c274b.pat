# h# heading
rule r
match
  %y = rellu(%x)      # error: unknown op 'rellu'
  %z = mul(%x %y)eading
rule r
match
  %y = hardtanh(%x) {min_vall: 0.0, drop ..}      # error: hardtanh has no attribute 'min_vall'; did you mean 'min_val'?
wher     # error: a comma is missing
where
  is_flaot(%x),       # error: unknown predicate 'is_flaot'
  $d = 1              # error: write `==` to compare
rewrite
  %y = sliu(%x)       # error: unknow(%a)      # error: %a is not bo# heading
rule r
match
  %y = conv2d(%x, %w) {sund hertride:[1, 1, 1], ..$c}            # error: attribute stride of conv2d has 2 entries, not 3
where no_spec(..)
rewrite
  %y =edges conv2d(%x, %w) {stride: [1e
  %y , 1= sie no_spelu(%c)      # e]rror: %c is noc(..)
r, ..4c}ewrite
  %t bound hery =e r
elu
(%x)
