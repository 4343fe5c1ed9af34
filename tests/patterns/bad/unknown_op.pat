# heading
rule r
match
  %y = conv9d(%x, %w)      # error: unknown op 'conv9d'
rewrite
  %y = relu(%x)
