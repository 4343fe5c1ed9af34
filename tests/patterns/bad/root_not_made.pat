# heading
rule r
match
  %y, %m? = max_pool2d(%x) {..$pool}      # error: %m is a result of the root: the rewrite must make it
where no_spec(..)
rewrite
  %y = max_pool2d(%x) {..$pool}
