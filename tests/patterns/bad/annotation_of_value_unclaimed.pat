# heading
rule r
match
  %a = relu(%x)      # error: an annotation on this value would be lost
  %y = relu(%a)
where no_spec(%y.x), no_spec(%a.x)
rewrite
  %y = relu(%x)
