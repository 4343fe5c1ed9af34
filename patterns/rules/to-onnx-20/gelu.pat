# gelu(x)  ==>  x * (1 + erf(x / sqrt(2))) / 2
#
# The definition; ONNX has the op from opset 20 on.
rule gelu_to_onnx
match
  %y = gelu(%x) {approximate: "none"}
where
  is_float(%x), no_spec(..)
rewrite
  %s = mul(%x, 0.7071067811865476)
  %e = erf(%s)
  %p = add(%e, 1.0)
  %a = mul(%x, %p)
  %y = mul(%a, 0.5)

# gelu(x) {approximate: "tanh"}  ==>  x * (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2
rule gelu_tanh_to_onnx
match
  %y = gelu(%x) {approximate: "tanh"}
where
  is_float(%x), no_spec(..)
rewrite
  %x2 = mul(%x, %x)
  %c = mul(%x2, %x)
  %k = mul(%c, 0.044715)
  %q = add(%x, %k)
  %u = mul(%q, 0.7978845608028654)
  %t = tanh(%u)
  %p = add(%t, 1.0)
  %a = mul(%x, %p)
  %y = mul(%a, 0.5)
