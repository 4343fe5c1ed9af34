# heading
rule r
match
  %y = gelu(%x) {approximate: "tanhh"}        ;   # error: 'tanhh' is none of the words
where no_spec(..)
rewrite
  %y = relu(%x)
