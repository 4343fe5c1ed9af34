condition is_root_2($k) = $k >= 1.41421 and $k <= 1.41422
condition is_root_half($k) = $k >= 0.707106 and $k <= 0.707108

# x * Phi(x), Phi(x) = (1 + erf(x / sqrt(2))) / 2  ==>  gelu(x)
#
# The definition. Exporters halve x, the sum or the product, and write the roots with the digits that their type has.
rule gelu
match
  divided? {
    %s = div(%x, %root)       one_use
    where is_root_2(number(%root))
  } else {
    %s = mul(%x, %root)       one_use
    where is_root_half(number(%root))
  }
  %e = erf(%s)                one_use
  outside? {
    %p = add(%e, 1.0)         one_use
    product_first? {
      %a = mul(%x, %p)        one_use
      where number(%b) == 0.5
    } else {
      x_halved? {
        %b = %p
        %h = %x
      } else {
        %b = %x
        %h = %p
      }
      by_half? {
        %a = mul(%h, 0.5)     one_use
      } else {
        %a = div(%h, 2.0)     one_use
      }
    }
  } else {
    %h = mul(%e, 0.5)         one_use
    %a = add(%h, 0.5)         one_use
    %b = %x
  }
  %y = mul(%a, %b)
where
  rank(%x) >= 0, no_spec(..)
rewrite
  %y = gelu(%x)
  drop %root   # what it is, the conditions say

# The same, where the product is divided by 2 at last.
rule gelu_divided_by_2
match
  divided? {
    %s = div(%x, %root)       one_use
    where is_root_2(number(%root))
  } else {
    %s = mul(%x, %root)       one_use
    where is_root_half(number(%root))
  }
  %e = erf(%s)                one_use
  %p = add(%e, 1.0)           one_use
  %a = mul(%x, %p)            one_use
  %y = div(%a, 2.0)
where
  rank(%x) >= 0, no_spec(..)
rewrite
  %y = gelu(%x)
  drop %root
