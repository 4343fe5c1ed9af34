# heading
rule r
match
  %y = @covn(%x, %w, %b?) {..$how}      # error: unknown family '@covn'; did you mean '@conv'?
where no_spec(..)
rewrite
  %y = @conv(%x, %w, %b?) {..$how}
