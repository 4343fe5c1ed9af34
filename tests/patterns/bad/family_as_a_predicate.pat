# heading
rule r
match
  %y = relu(%x)
where
  no_spec(..),
  @moves(%x),         # error: @moves is a family of ops, no predicate
  @pool in @moves     # error: @pool is not bound here
rewrite
  %y = silu(%x)
