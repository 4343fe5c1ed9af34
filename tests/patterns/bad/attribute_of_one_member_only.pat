# heading
rule r
match
  %y = @q(%x, %s, %z) {axis: $a, ..$rest}      # error: quantize_per_tensor has no attribute 'axis'
where no_spec(..)
rewrite
  %y = @q(%x, %s, %z) {axis: $a, ..$rest}
