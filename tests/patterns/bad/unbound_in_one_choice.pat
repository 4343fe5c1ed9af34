# heading
rule r
match
  scaled? {
    %z = mul(%x, %s)
  } else {
    %z = %x
  }
  %y = relu(%z)
where no_spec(..)
rewrite
  %y = mul(%x, %s)      # error: %s is not bound here, or not in every choice of the groups
