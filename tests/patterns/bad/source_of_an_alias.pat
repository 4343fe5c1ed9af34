# relu(relu(x)) = relu(x)
rule again
match
  %a = relu(%x)
  %y = relu(%a)
where no_spec(..)
rewrite
  %t = relu(%x)
  %u = %t   source %a      # error: only a line that makes a node
  %y = %u
