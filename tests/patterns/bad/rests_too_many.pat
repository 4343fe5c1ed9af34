# heading
rule r
match
  %y = cat(..%a, ..%b, ..%c) {..$how}      # error: more than two ..%rests in one line
where no_spec(..)
rewrite
  %y = cat(..%a, ..%b, ..%c) {..$how}
