#!/bin/sh
# A gradient rule of one's own, in a file of any name, and what is said of wrong ones. usage: own_gradient.sh IR_OPT
opt=$(realpath "$1")
# shellcheck source=tests/tools/expect.sh
. "$(dirname "$0")/expect.sh"

cat >net.gir <<'GIR'
graft 1
tensor %w: f32[4, 4] parameter = fill("w", -1.0, 1.0)
tensor %b: f32[4] parameter = fill("b", -1.0, 1.0)
graph main(%x: f32[8, 4]) {
  %h = linear(%x, %w): f32[8, 4]
  %y = "my.gate"(%h, %b): f32[8, 4]
  %l = mean(%y): f32[]
  return %l
}
GIR
# rule DH DX: the lines of the rewrite
rule() {
  printf '%s\n' '# y = h * exp(b):  dh = dy * exp(b),  db = dy * y' 'rule gradient_my_gate' 'match' \
    '  context %y = "my.gate"(%h, %b)' '  %dh, %db = gradient(%y, %dy)' 'rewrite' '  %e = exp(%b)' "$@" >my.pat
}
train() { "$opt" net.gir --pattern-file my.pat --passes 'train-step{loss=l}' --emit text; }

rule '  %dh = mul(%dy, %e)' '  %db = mul(%dy, %y)'
expect 0 "a rule of one's own" train
grep -q ' = exp(%b): f32\[4\] from [0-9]* mark backward' out || fail "a rule of one's own: exp is not there"
grep -q 'update %b' out || fail "a rule of one's own: b is not trained"
# It goes before one that ships.
sed -e 's/"my.gate"(%h, %b)/mul(%h, %b)/' net.gir >table.gir
sed -e 's/"my.gate"(%h, %b)/mul(%h, %b)/' my.pat >mul.pat
expect 0 "instead of one that ships" "$opt" table.gir --pattern-file mul.pat --passes 'train-step{loss=l}' --emit text
grep -q 'exp(%b)' out || fail "instead of one that ships: exp is not there"

rule '  %dh = transpose(%dy) {dim0: 0, dim1: 1}' '  %db = mul(%dy, %e)'
expect 1 "a wrong shape" train
said "y_grad: made by the rule 'gradient_my_gate'" "a wrong shape"
rule '  %dh = to(%dy) {dtype: f64}' '  %db = mul(%dy, %e)'
expect 1 "a wrong element type" train
said "y: no rule says what of the gradient of my.gate flows to 'h'" "a wrong element type"
said "what the rule 'gradient_my_gate' makes does not fit" "a wrong element type"
rule '  %dh = mul(%dy, %e)'
expect 1 "a result that no line makes" train
said '%db is a result of the root: the rewrite must make it' "a result that no line makes"
rule '  %dh = mul(%a, %e)' '  %a = mul(%dh, %e)' '  %db = mul(%dy, %e)'
expect 1 "a circle" train
said '%a is not bound here' "a circle"
exit "$((failed != 0))"
