condition is_root_2_by_pi($k) = $k >= 0.797884 and $k <= 0.797885

# x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2  ==>  gelu(x) {approximate: "tanh"}
#
# The definition of the approximation, with the cube as a power or as products, and with x before the brackets or within.
rule gelu_tanh
match
  cubed? {
    power? {
      %c = pow(%x, 3.0)       one_use
    } else {
      squared? {
        %x2 = pow(%x, 2.0)    one_use
      } else {
        %x2 = mul(%x, %x)     one_use
      }
      %c = mul(%x2, %x)       one_use
    }
    %k = mul(%c, 0.044715)    one_use
    %q = add(%x, %k)          one_use
    %u = mul(%q, %root)       one_use
  } else {
    %kx = mul(%x, 0.044715)   one_use
    %k = mul(%kx, %x)         one_use
    %q = add(%k, 1.0)         one_use
    %rx = mul(%x, %root)      one_use
    %u = mul(%rx, %q)         one_use
  }
  %t = tanh(%u)               one_use
  %p = add(%t, 1.0)           one_use
  product_first? {
    %a = mul(%x, %p)          one_use
    where number(%b) == 0.5
  } else {
    x_halved? {
      %b = %p
      %h = %x
    } else {
      %b = %x
      %h = %p
    }
    %a = mul(%h, 0.5)         one_use
  }
  %y = mul(%a, %b)
where
  rank(%x) >= 0, is_root_2_by_pi(number(%root)), no_spec(..)
rewrite
  %y = gelu(%x) {approximate: "tanh"}
  drop %root
