# heading
rule r
match
  %y = flatten(%x) {start_dim: "one", drop ..}      # error: attribute start_dim of flatten is an integer
where no_spec(..)
rewrite
  %y = relu(%x)
