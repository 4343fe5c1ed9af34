# heading
rule r
match
  %a = relu(%x) one_user      # error: a line of the match does not go on with 'one_user'; did you mean 'one_use'?
  %y = relu(%a) edges from %a # error: a line of the match does not go on with 'edges'
rewrite
  %b = silu(%x) edge from %a  # error: expected %name or %name.operand, found from
  %c = silu(%x) soruce %a     # error: a line of the rewrite does not go on with 'soruce'; did you mean 'source'?
  %y = silu(%b) one_use       # error: a line of the rewrite does not go on with 'one_use'
