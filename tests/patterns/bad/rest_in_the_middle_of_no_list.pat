# heading
rule r
match
  %y = conv2d(..%a, %w)      # error: a ..%rest that is not the last operand stands for a list
where no_spec(..)
rewrite
  %y = relu(%w)
