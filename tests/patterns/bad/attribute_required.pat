# heading
rule r
match
  %y = relu(%x)
where no_spec(..)
rewrite
  %y = softmax(%x)      # error: softmax needs an attribute dim
