# Not true, but well formed but for its sources.
rule two
match
  %a = relu(%x)
  %y = silu(%a)
where no_spec(..)
rewrite
  %t = neg(%x)   source %a  source %y      # error: a second `source` behind one line
  %y = %t
