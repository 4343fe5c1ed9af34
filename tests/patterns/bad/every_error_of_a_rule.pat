# heading
rule r
match
  %a = conv2d(%x, %w, %b?) {..$c,
                               strides: [1, 1],         # error: conv2d has no attribute 'strides'; did you mean 'stride'?
                               paddings: 1}             # error: conv2d has no attribute 'paddings'; did you mean 'padding'?
  %f = relu(%a) {foo: 3}                                # error: relu has no attribute 'foo'
  %d = mul(%f, %q, %s, %t)                              # error: mul has 2 operands, not 4
  %g = rellu(%d)                                        # error: unknown op 'rellu'
  %h = sub(%g %d) {drop ..}                             # error: a comma is missing
  %e = hardtanh(%h) {min_val: "a", max_val: 3           # opened, and never closed
  %i = relu(%e)                                         # error: a `}` is missing before this
  %y = add(%i, %a)
where
  is_float(%nosuch),                                    # error: %nosuch is not bound here
  $z == 1,                                              # error: $z is not bound here
  is_flot(%x),                                          # error: unknown predicate 'is_flot'; did you mean 'is_float'?
  is_float(%w) is_float(%w),                            # error: a comma is missing between this condition
  !has_spec(%y),                                        # error: `!` is no operator
  is_float(%x) && is_float(%w),                         # error: `&` is no operator
  is_float(%x) || is_float(%w),                         # error: `|` only joins ops
  $c.groups = 1,                                        # error: write `==` to compare
  word                                                  # error: 'word' is no group of this rule
rewrite
  %k = conv2d(%x) {..$c}                                # error: conv2d needs an operand weight
  %l = relu(%k) {foo: 3}                                # error: relu has no attribute 'foo'
  %m = relu(%nosuch2)                                   # error: %nosuch2 is not bound here
  if somewhere {                                        # error: 'somewhere' is no group of this rule
    %o = rleu(%m)                                       # error: unknown op 'rleu'
  }
  %p = relu(%o %m)                                      # error: a comma is missing
  %y = add(%p, %m) {alpha: 2}                           # error: add has no attribute 'alpha'
