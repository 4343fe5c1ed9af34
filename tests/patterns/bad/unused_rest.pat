# heading
rule r
match
  %y = hardtanh(%x) {..$rest}      # error: ..$rest is captured and never used
where no_spec(..)
rewrite
  %y = relu(%x)
