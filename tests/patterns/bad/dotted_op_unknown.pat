# an op's name may have a dot
rule r
match
  %y = quantized.missing(%x)      # error: unknown op 'quantized.missing'
rewrite
  %y = relu(%x)
