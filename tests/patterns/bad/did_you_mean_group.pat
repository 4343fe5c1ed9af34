# heading
rule r
match
  scaled? {
    %z = mul(%x, %s)
  } else {
    %z = %x
  }
  %y = relu(%z)
where no_spec(..), not scalde      # error: 'scalde' is no group of this rule and no option; did you mean 'scaled'?
rewrite
  %y = silu(%z)
