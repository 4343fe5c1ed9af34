# heading
rule r
match
  %y = flatten(%x) {drop ..}      # error: an annotation on this value would be lost
where no_spec(%y.x)
rewrite
  %y = %x
