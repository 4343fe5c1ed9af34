# heading
rule r
match
  scaled? {      # error: this { is not closed: a } is missing
    %z = mul(%x, %s)
  %y = relu(%z)
where no_spec(..)
rewrite
  %y = silu(%z)
