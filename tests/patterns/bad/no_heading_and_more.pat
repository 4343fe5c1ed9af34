rule r      # error: the rule r has no heading
match
  %y = relu(%x) {inplace: true}      # error: relu has no attribute 'inplace'
where no_spec(..)
rewrite
  %y = sillu(%x)      # error: unknown op 'sillu'; did you mean 'silu'?
