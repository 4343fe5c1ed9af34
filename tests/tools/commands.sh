#!/bin/sh
# The commands' contract: options, exit status, what is written and what is not. usage: commands.sh IR_OPT IR_RUN
opt=$(realpath "$1") run=$(realpath "$2")
# shellcheck source=tests/tools/expect.sh
. "$(dirname "$0")/expect.sh"
printed() { grep -q -e "$1" out || fail "$2: standard output lacks '$1'"; }
not_printed() { ! grep -q -e "$1" out || fail "$2: standard output has '$1'"; }
absent() { [ ! -e "$1" ] || fail "$2: $1 was written"; }
present() { [ -s "$1" ] || fail "$2: $1 was not written"; }

cat >net.gir <<'GIR'
graft 1
tensor %conv.weight: f32[2, 3, 3, 3] parameter = fill("conv.weight", -0.4, 0.4)
tensor %count: f32[] buffer = 0.0
graph main(%x: f32[?, 3, 5, 5]) {
  %conv = conv2d(%x, %conv.weight) {padding: [1, 1]}: f32[?, 2, 5, 5]
  %relu = relu(%conv): f32[?, 2, 5, 5]
  %dead = sigmoid(%conv): f32[?, 2, 5, 5]
  %logits = mean(%relu) {dim: [2, 3]}: f32[?, 2]
  %next = add(%count, 1.0): f32[]
  %seen = mul(%next, 2.0): f32[]
  return %logits as "y", %seen as "times two"
  update %count = %next
}
GIR

cat >silu.gir <<'GIR'
graft 1
graph main(%x: f32[2]) {
  %a = sigmoid(%x): f32[2]
  %b = mul(%x, %a): f32[2]
  %c = sigmoid(%b): f32[2]
  %d = mul(%c, %b): f32[2]
  return %d
}
GIR

# -- ir-opt: usage
expect 2 "no input" "$opt"
said "INPUT is missing" "no input"
said "ir-opt --help" "no input"
expect 2 "unknown option" "$opt" --nonsense net.gir
said "nonsense" "unknown option"
expect 2 "missing argument" "$opt" net.gir --passes
said "needs an argument" "missing argument"
expect 2 "two inputs" "$opt" net.gir net.gir
expect 2 "unknown format" "$opt" net.gir --emit pdf
expect 2 "unknown pass to print" "$opt" net.gir --print-after nonsense
expect 2 "a pass to print with a letter too many" "$opt" net.gir --passes dce --print-after dcee
said "'dcee'; did you mean 'dce'?" "a pass to print with a letter too many"
expect 2 "an option with a letter too many" "$opt" net.gir --passses dce
said "no such option: --passses; did you mean '--passes'?" "an option with a letter too many"
expect 2 "an argument for --help" "$opt" --help=3
said "the option --help takes no argument" "an argument for --help"
expect 2 "a list with an input" "$opt" --list-ops net.gir
said "take no INPUT" "a list with an input"
expect 2 "a rule without a node to explain" "$opt" net.gir --explain-rule silu
said "needs --explain" "a rule without a node to explain"
expect 2 "a format that is not written" "$opt" net.gir --emit pdf
said "takes text, binary, onnx, json or dot, not 'pdf'" "a format that is not written"
expect 1 "a node with a letter missing" "$opt" net.gir --explain logit
said "did you mean 'logits'?" "a node with a letter missing"
expect 1 "a rule with two letters swapped" "$opt" net.gir --explain relu --explain-rule sliu
said "no rule, file of rules or rule of a quantizer is called 'sliu'; did you mean 'silu'?" "a rule with two letters swapped"
expect 1 "an option with a letter missing" "$opt" net.gir --passes 'annotate{per-chanel=true}'
said "did you mean 'per-channel'?" "an option with a letter missing"
expect 2 "an option that may be two" "$opt" net.gir --print-a dce
said "the option --print-a may be --print-after, --print-after-all" "an option that may be two"
expect 2 "an argument too many" "$opt" net.gir --stats=all
said "the option --stats takes no argument" "an argument too many"
expect 2 "an option twice" "$opt" net.gir --passes dce --passes cse
said "the option --passes is given twice" "an option twice"
expect 2 "a format with a letter wrong" "$opt" net.gir --emit bynary
said "not 'bynary'; did you mean 'binary'?" "a format with a letter wrong"
for option in print-after=dce print-before=dce print-after-all print-changed print-tree=never; do
  expect 2 "--$option without passes" "$opt" net.gir "--$option"
  said "--${option%=*} needs --passes" "--$option without passes"
done
expect 0 "help" "$opt" --help
for option in output passes emit verify-each print-before print-after print-after-all print-changed print-tree timing \
  stats export-state load-state save-state state-dict state-module state-prefix partial-state quantizer-file pattern-file list-passes list-ops list-patterns list-quantizers explain \
  explain-rule no-provenance inline-data opset external-data version; do
  printed "--$option" "help"
done
for command in "$opt" "$run"; do
  expect 0 "version" "$command" --version
  printed "^ir-[a-z]* (graft) [0-9]*[.][0-9]*[.][0-9]*$" "version"
done
expect 0 "list of passes" "$opt" --list-passes
printed "^convert{observe-weights=false, qparams=trained|observer, bias-overflow=scale|float|error}" "list of passes"
printed "^prepare-qat{" "list of passes"
expect 0 "list of ops" "$opt" --list-ops
printed "^conv2d(x, weight, bias?)" "list of ops"
printed "^    gradient: rule$" "list of ops"
printed "^    gradient: not differentiable$" "list of ops"
printed "^    gradient: none (the gradient of a graph" "list of ops"
expect 0 "list of rules" "$opt" --list-patterns
printed "^fold_conv_bn" "list of rules"
expect 0 "list of quantizers" "$opt" --list-quantizers
printed "^xnnpack" "list of quantizers"

printed "^xnnpack{per-channel=false" "options of quantizers"

# -- ir-opt: reading and writing
expect 0 "text" "$opt" net.gir
cp out once.gir
expect 0 "text again" "$opt" once.gir
cmp -s out once.gir || fail "print, parse, print is no fixed point"
"$opt" - <net.gir >out 2>err || fail "standard input"
cmp -s out once.gir || fail "standard input gives another text"
printf 'graft 1\ngraph main(%%x: f32[1]) {\n  %%y = nonsense(%%x)\n}\n' >bad.gir
"$opt" - <bad.gir >out 2>err && fail "bad standard input"
said "<stdin>:3:" "bad standard input"
expect 0 "binary" "$opt" net.gir -o net.gfb
expect 0 "back to text" "$opt" net.gfb
cmp -s out once.gir || fail "text, binary, text differ"
expect 0 "json by extension" "$opt" net.gir -o net.json
grep -q '"graphs"' net.json || fail "net.json is no JSON"
expect 0 "emit outranks the extension" "$opt" net.gir --emit json -o net.txt
cmp -s net.json net.txt || fail "--emit json -o net.txt"
expect 0 "output -" "$opt" net.gir -o - --emit json
cmp -s out net.json || fail "-o - --emit json"
ones=$(printf '1.0, %.0s' $(seq 63))1.0
cat >large.gir <<END
graft 1
tensor %w: f32[64] parameter = [$ones]
record 1 = "here" pass "p"
graph main(%x: f32[64]) {
  %y = add(%x, %w): f32[64] from 1 mark inserted
  %z = relu(%y): f32[64] from "there"
  return %z
}
END
sed -e '/^record/d' -e 's/ from 1//' -e 's/ from "there"//' large.gir >stable.gir
expect 0 "elided" "$opt" large.gir
printed "elided(0x" "elided"
printed 'from "there"' "elided"
expect 0 "stable text" "$opt" large.gir --no-provenance --inline-data
cmp -s out stable.gir || fail "--no-provenance --inline-data"
expect 0 "stable file" "$opt" large.gir --no-provenance --inline-data -o again.gir
cmp -s again.gir stable.gir || fail "--no-provenance --inline-data -o"
absent again.safetensors "--inline-data"
expect 0 "inline" "$opt" large.gir --inline-data
cmp -s out large.gir || fail "--inline-data"
expect 0 "binary without provenance" "$opt" large.gir --no-provenance -o again.gfb
expect 0 "and back" "$opt" again.gfb --inline-data
cmp -s out stable.gir || fail "--no-provenance -o again.gfb"
expect 0 "printed after a pass" "$opt" large.gir --passes dce --print-after dce --no-provenance --inline-data -o never.gfb
said "tensor %w: f32\[64\] parameter = \[1.0" "printed after a pass"
rm never.gfb
expect 1 "no such file" "$opt" missing.gir -o never.gir
said "missing.gir" "no such file"
absent never.gir "no such file"
expect 1 "bad file" "$opt" bad.gir -o never.gir
said "bad.gir:3:[0-9]*: error" "bad file"
absent never.gir "bad file"
expect 1 "a folder as input" "$opt" . -o never.gir
said "^[.]: error: " "a folder as input"
expect 1 "a folder as output" "$opt" net.gir -o .
expect 1 "onnx out of what trains" "$opt" net.gir -o never.onnx
said "ONNX cannot say that a step updates 'count'" "onnx out of what trains"
absent never.onnx "onnx out of what trains"
expect 0 "onnx out" "$opt" large.gir -o written.onnx
expect 0 "onnx back" "$opt" written.onnx --emit onnx -o again.onnx
cmp -s written.onnx again.onnx || fail "onnx out and back"
expect 0 "external data" "$opt" large.gir --external-data -o beside.onnx
present beside.onnx.data "external data"
expect 0 "external data back" "$opt" beside.onnx -o again.onnx
cmp -s written.onnx again.onnx || fail "external data, out and back"
expect 0 "another opset" "$opt" large.gir --opset 21 -o other.onnx
! cmp -s written.onnx other.onnx || fail "another opset"
expect 2 "an opset that is not written" "$opt" large.gir --opset 12 -o never.onnx
said "takes a number from 13 to 21" "an opset that is not written"
expect 2 "an opset of another form" "$opt" large.gir --opset 13 -o never.gfb
said "[-]-opset is of .onnx" "an opset of another form"
expect 2 "external data of another form" "$opt" large.gir --external-data -o never.gfb
expect 2 "external data of nothing" "$opt" large.gir --external-data --emit onnx
said "needs -o OUT" "external data of nothing"
absent never.gfb "options of onnx"
cat >biased.gir <<'GIR'
graft 1
tensor %w: i8[2, 3] constant = [1, -2, 3, -4, 5, -6]
tensor %b: f32[2] parameter = [0.5, -0.25]
graph main(%x: f32[1, 3]) {
  %q = quantize_per_tensor(%x, 0.1, 3: i32)
  %xd = dequantize_per_tensor(%q, 0.1, 3: i32)
  %wd = dequantize_per_tensor(%w, 0.2, 0: i32)
  %y = linear(%xd, %wd, %b)
  return %y
}
GIR
expect 0 "a bias rounded" "$opt" biased.gir -o biased.onnx
said "1 quantized layers are rounded to int32" "a bias rounded"
expect 0 "a bias left in float" "$opt" biased.gir --passes 'to-onnx{int32-bias=false}' --opset 13 -o biased.onnx
[ ! -s err ] || fail "a bias left in float"
expect 0 "a bias left in float, back" "$opt" biased.onnx
printed "tensor %b: f32" "a bias left in float, back"
cat >rows.gir <<'GIR'
graft 1
tensor %w: i8[3, 2] constant = [1, -2, 3, -4, 5, -6]
tensor %b: f32[2] parameter = [0.5, -0.25]
graph main(%x: f32[1, 3]) {
  %q = quantize_per_tensor(%x, 0.1, 3: i32)
  %xd = dequantize_per_tensor(%q, 0.1, 3: i32)
  %wd = dequantize_per_tensor(%w, 0.2, 0: i32)
  %c = addmm(%b, %xd, %wd)
  %y = quantize_per_tensor(%c, 0.3, 1: i32)
  return %y
}
GIR
expect 0 "lower without canonicalize" "$opt" rows.gir --passes lower -o lowered.gir
said "addmm x1 (it has no integer form: canonicalize makes a linear of it)" "lower without canonicalize"
expect 0 "lower after canonicalize" "$opt" rows.gir --passes canonicalize,lower -o lowered.gir
[ ! -s err ] || fail "lower after canonicalize"
grep -q 'quantized.linear(' lowered.gir || fail "lower after canonicalize: no quantized.linear"
expect 1 "fixed point out" "$opt" rows.gir --passes 'canonicalize,lower{requantize=gemmlowp}' -o never.onnx
said "error: c: 'quantized.linear' goes out through the pass to-onnx, where its sums are brought to scale by floats" "fixed point out"
! grep -q "go out between" err || fail "fixed point out: it is not dequantized"
cat >types.gir <<'GIR'
graft 1
graph main(%x: i32[1, 2, 5, 5], %w: i32[2, 2, 3, 3], %y: i8[4]) {
  %c = conv2d(%x, %w)
  %r = relu(%y)
  %s = add(%y, %y)
  %d = sub(%y, %y)
  %m = max_pool2d(%x) {kernel_size: [2, 2]}
  %f = to(%y) {dtype: f32}
  %g = sigmoid(%f)
  return %c, %r, %s, %d, %m, %g
}
GIR
expect 0 "types that onnx has not" "$opt" types.gir --opset 13 -o types.onnx
said "refuse it: Conv of i32, 'c'; Relu of i8, 'r' (opset 14 has it); Add of i8, 's' (opset 14 has it); Sub of i8, 'd' (opset 14 has it); and 1 more$" "types that onnx has not"
expect 0 "types that onnx has not, later" "$opt" types.gir --opset 14 -o types.onnx
said "refuse it: Conv of i32, 'c'; MaxPool of i32, 'm'$" "types that onnx has not, later"
printf 'graft 1\ngraph main(%%x: f32[2]) {\n  %%s, %%z = qparams(%%x)\n  return %%s\n}\n' > observed.gir
expect 1 "what onnx cannot say" "$opt" observed.gir -o never.onnx
said "ONNX cannot say 'qparams': convert the graph first" "what onnx cannot say"
absent never.onnx "what onnx cannot say"
printf 'graft 1\ngraph main(%%x: f32[1, 3, ?, ?]) {\n  %%a = squeeze(%%x) {dim: [0, 1, 2]}\n  %%b = squeeze(%%a) {dim: [-1]}\n  return %%b\n}\n' > open.gir
expect 0 "squeeze of unknown extents" "$opt" open.gir -o open.onnx
said "the extent of axis 2 is not known: ONNX's Squeeze" "squeeze of unknown extents"
[ "$(grep -c warning err)" = 1 ] || fail "squeeze of unknown extents: it is said once"
expect 0 "squeeze of unknown extents, back" "$opt" open.onnx
printed "squeeze(%x) {dim: \[0, 2\]}" "squeeze leaves an axis that is longer than 1"

expect 1 "no such folder" "$opt" net.gir -o no/such/folder/net.gfb

# -- ir-opt: passes
expect 0 "passes" "$opt" net.gir --passes dce -o dce.gir
grep -q sigmoid dce.gir && fail "dce kept a dead node"
expect 2 "unknown pass" "$opt" net.gir --passes dce,nonsense -o never.gir
said "pipeline:1:5: error" "unknown pass"
said "^ *^$" "unknown pass has no caret"
absent never.gir "unknown pass"
expect 1 "a pass fails" "$opt" net.gir --passes 'rewrite{rules=no_such_rule}' -o never.gir
said "pipeline:1:15: error" "a pass fails"
absent never.gir "a pass fails"
expect 2 "a number below 0" "$opt" net.gir --passes 'fold-constants{max-elements=-3}'
expect 2 "a number too large" "$opt" net.gir --passes 'fold-constants{max-elements=99999999999999999999}'
expect 0 "verify-each" "$opt" net.gir --passes dce,cse --verify-each -o never.gir
rm -f never.gir
expect 0 "print-after" "$opt" net.gir --passes cse,dce --print-after dce -o new.gir
said "after dce" "print-after"
grep -q sigmoid err && fail "print-after printed the module before"
expect 0 "print-before" "$opt" net.gir --passes cse,dce --print-before dce -o new.gir
said "sigmoid" "print-before"
expect 0 "print-after-all" "$opt" net.gir --passes cse,dce --print-after-all -o new.gir
said "after cse" "print-after-all"
said "after dce" "print-after-all"
expect 0 "timing and statistics" "$opt" net.gir --passes dce --timing --stats
said "^ *dce .* ms" "timing"
said "total" "timing"
said "nodes removed" "statistics"
grep -q "ms$" out && fail "timing went to standard output"
expect 0 "a pipeline in the table of times" "$opt" net.gir --passes convert --timing -o new.gir
said "^  convert" "timing of pipelines"
said "^    dce" "timing of members"

expect 0 "a pass to print that was not run" "$opt" net.gir --passes cse --print-after dce -o new.gir
said "warning: --print-after dce: no such pass was run" "a pass to print that was not run"
cat >foreign.gir <<'GIR'
graft 1
graph main(%x: f32[2]) {
  %a = "vendor.frob"(%x): f32[2]
  %b = "onnx.Det"(%a): f32[2]
  %y = "onnx.Det"(%b): f32[2]
  return %y
}
GIR
expect 1 "foreign ops" "$run" foreign.gir
said "^foreign.gir: warning: will not run: Det x2, vendor.frob$" "foreign ops"
expect 0 "foreign ops are rewritten without a word" "$opt" foreign.gir -o foreign.gfb
grep -q warning err && fail "ir-opt warns of foreign ops"
expect 0 "print-changed" "$opt" net.gir --passes cse,dce,convert --print-changed -o new.gir
cat >changed <<'DIFF'
# after dce (2 of 3)
--- before
+++ after dce
@@ -4,7 +4,6 @@
 graph main(%x: f32[?, 3, 5, 5]) {
   %conv = conv2d(%x, %conv.weight) {padding: [1, 1]}: f32[?, 2, 5, 5]
   %relu = relu(%conv): f32[?, 2, 5, 5]
-  %dead = sigmoid(%conv): f32[?, 2, 5, 5]
   %logits = mean(%relu) {dim: [2, 3]}: f32[?, 2]
   %next = add(%count, 1.0): f32[]
   %seen = mul(%next, 2.0): f32[]
net.gir: warning: 1 of 1 layers that compute stay in float: conv2d x1 (its x is float)
DIFF
cmp -s err changed || fail "print-changed: another text"
expect 0 "print-tree" "$opt" net.gir --passes dce,prepare-qat,cse --print-tree tree/of/texts -o new.gir
for file in 0_input 1_dce 2_prepare-qat/1_canonicalize 2_prepare-qat/4_insert-fake-quant 3_cse; do
  present "tree/of/texts/$file.gir" "print-tree"
done
grep -q sigmoid tree/of/texts/0_input.gir || fail "print-tree: the input lacks what dce removed"
grep -q sigmoid tree/of/texts/1_dce.gir && fail "print-tree: dce has what it removed"
expect 0 "print-tree: the last text" "$opt" net.gir --passes dce,prepare-qat,cse
cmp -s out tree/of/texts/3_cse.gir || fail "print-tree: the last text is another"
expect 1 "print-tree where no folder can be" "$opt" net.gir --passes dce --print-tree net.gir/tree -o never.gir
said "^net.gir: error: cannot make the directory" "print-tree where no folder can be"
absent never.gir "print-tree where no folder can be"
expect 1 "which pass failed" "$opt" net.gir --passes 'dce,prepare{quantizer=xnpack}' -o never.gir
said "there is no quantizer 'xnpack'; did you mean 'xnnpack'?" "which pass failed"
said "^note: in the pass 'annotate' (3 of 4) of the pipeline 'prepare'" "which pass failed"
expect 0 "the table of layers" "$opt" net.gir --passes 'prepare{skip-type=relu}' --stats -o new.gir
said "1  conv2d quantized" "the table of layers"
expect 0 "layers left out by an option" "$opt" net.gir --passes 'annotate{skip-type=conv2d}' --stats -o new.gir
said "1  conv2d in float: left out by the options (first: conv)" "layers left out by an option"
grep -q warning err && fail "a warning of what the options left out"
cat >nested.gir <<'GIR'
graft 1
tensor %v: f32[2, 2] parameter = [1.0, -0.5, 0.25, -1.0]
graph main(%c: bool[], %x: f32[3, 2]) {
  %y = if(%c, %x) {then_branch: @t, else_branch: @e}: f32[3, 2]
  return %y
}
graph t(%x1: f32[3, 2]) {
  %"If_0_else_branch__Inline_0__/decoder/rnn/a/name/of/many/parts/Linear_output_0" = linear(%x1, %v)
  return %"If_0_else_branch__Inline_0__/decoder/rnn/a/name/of/many/parts/Linear_output_0"
}
graph e(%x2: f32[3, 2]) {
  return %x2
}
GIR
expect 0 "layers inside an if" "$opt" nested.gir --passes prepare,convert --stats -o new.gir
row='1  linear in float: inside an if or a loop (first: If_0_else_branch__Inline_0__/decoder/rnn/a/name/of/many/parts/Linear_output_0)'
[ "$(grep -c "$row" err)" = 3 ] || fail "layers inside an if: another row than '$row' in one of the three tables"
expect 0 "statistics of rules" "$opt" silu.gir --passes 'rewrite{rules=silu}' --stats -o new.gir
said "2  by the rule silu" "statistics of rules"
expect 0 "statistics of a quantizer's rules" "$opt" net.gir --passes annotate --stats -o new.gir
said "1  by the rule conv_relu" "statistics of a quantizer's rules"

# -- ir-opt: rules and quantizers from files
cat >my.pat <<'PAT'
# relu(x)  ==>  hardtanh(x, 0, inf)
# The same function: nothing is larger than infinity.
rule my_relu
match
  %y = relu(%x)
rewrite
  %y = hardtanh(%x) {min_val: 0.0, max_val: inf}   edges from %y
PAT
expect 0 "a rule of a file" "$opt" net.gir --pattern-file my.pat --passes 'rewrite{rules=my_relu}'
printed "hardtanh" "a rule of a file"
expect 0 "a listed rule of a file" "$opt" --pattern-file my.pat --list-patterns
printed "^my_relu" "a listed rule of a file"
sed 's/relu(%x)/nonsense(%x)/' my.pat >wrong.pat
expect 1 "a wrong rule" "$opt" net.gir --pattern-file wrong.pat --passes 'rewrite{rules=my_relu}' -o never.gir
said "wrong.pat:5:" "a wrong rule"
absent never.gir "a wrong rule"
expect 1 "a wrong rule that no pass reads" "$opt" net.gir --pattern-file wrong.pat
said "wrong.pat:5:" "a wrong rule that no pass reads"
expect 1 "no such quantizer file" "$opt" net.gir --quantizer-file none.qz -o never.gir
said "none.qz" "no such quantizer file"
absent never.gir "no such quantizer file"
cat >my.qz <<'QZ'
quantizer mine "one rule, for training and after it"
spec act { dtype: u8, quant_min: 0, quant_max: 255, observer: min_max }
rule relu
match
  %y = relu(%x)
annotate
  %y = act
QZ
for flow in prepare prepare-qat; do
  expect 0 "a quantizer of a file, $flow" "$opt" net.gir --quantizer-file my.qz --passes "$flow{quantizer=mine}"
  printed "fake_quantize(%relu" "a quantizer of a file, $flow"
done
expect 0 "a listed quantizer of a file" "$opt" --quantizer-file my.qz --list-quantizers
printed "^mine  (my.qz)" "a listed quantizer of a file"
expect 0 "an explained quantizer of a file" "$opt" --quantizer-file my.qz net.gir --explain relu
printed "^mine: relu matches at %relu" "an explained quantizer of a file"

# -- ir-opt: explain
expect 0 "explain after annotate" "$opt" net.gir --passes 'canonicalize,annotate{qat=true,per-channel=true}' --explain conv
printed "operand weight: spec of i8, by xnnpack{per-channel=true, qat=true.*: conv" "explain after annotate"
expect 0 "explain one rule" "$opt" net.gir --explain conv --explain-rule fold_integers
printed "^fold_integers at" "explain one rule"
not_printed "xnnpack: conv" "explain one rule"
expect 1 "explain a rule that is none" "$opt" net.gir --explain conv --explain-rule nonsense
said "no rule, file of rules or rule of a quantizer is called 'nonsense'" "explain a rule that is none"
expect 0 "explain a quantizer's rule" "$opt" net.gir --explain conv --explain-rule conv
printed "xnnpack: conv" "explain a quantizer's rule"
# -- files that are something else: one message, which says what was expected
for file in /etc/passwd "$run" /dev/null; do
  expect 1 "$file as a network" "$opt" "$file"
  said "^$file: error: \(neither a .gir text\|the file is empty\)" "$file as a network"
  [ "$(grep -c error err)" = 1 ] || fail "$file as a network: more than one error"
done
printf '\211PNG\r\n\032\n\0\0\0\rIHDR' > png
for file in /etc/passwd "$run" png; do
  expect 1 "$file as rules" "$opt" net.gir --pattern-file "$file"
  said "rules (.rule NAME\|expected .rule" "$file as rules"
  [ "$(grep -c error err)" = 1 ] || fail "$file as rules: more than one error"
  expect 1 "$file as a quantizer" "$opt" net.gir --quantizer-file "$file"
  said "quantizer NAME" "$file as a quantizer"
  [ "$(grep -c error err)" = 1 ] || fail "$file as a quantizer: more than one error"
done

# -- a spec's axis that the value has not: said once, with quantizer, rule and line
cat >axis.qz <<'QZ'
quantizer mine
spec act {dtype: i8, quant_min: -128, quant_max: 127, scheme: per_channel_symmetric, axis: 7, observer: min_max}
rule nonlinear
match
  %y = relu(%x)
annotate
  %y.x = act
  %y = act
QZ
expect 1 "an axis that is none" "$opt" net.gir --quantizer-file axis.qz --passes 'annotate{quantizer=mine}'
said "axis.qz:2:.*error: the axis of the spec act is 7, and %conv, to which the rule nonlinear of the quantizer mine gives it, has 4" "an axis that is none"
said "axis.qz:7:10: note: the rule gives it here" "an axis that is none"
[ "$(grep -c error err)" = 1 ] || fail "an axis that is none: more than one error"

printf 'quantizer riqu' > bare.qz
expect 0 "explain a quantizer without rules" "$opt" net.gir --quantizer-file bare.qz --explain conv
printed "^riqu has no rules" "explain a quantizer without rules"
expect 0 "explain" "$opt" net.gir --explain conv
printed "is a conv2d" "explain"
printed "^xnnpack: conv_bn (not with the default options) at\|^xnnpack: conv at\|^xnnpack: conv matches" "explain: quantizers"
expect 1 "explain what is not there" "$opt" net.gir --explain nonsense
said "nonsense" "explain what is not there"

# -- what cannot be written
if [ -w /dev/full ]; then
  for arguments in "net.gir" "--list-ops" "--list-patterns" "--help" "--version" "net.gir --explain conv"; do
    # shellcheck disable=SC2086  # a list of words
    "$opt" $arguments >/dev/full 2>err
    [ $? = 1 ] || fail "ir-opt $arguments >/dev/full"
    said "cannot write" "ir-opt $arguments >/dev/full"
  done
fi

# -- ir-opt: state
expect 0 "export" "$opt" net.gir --export-state state/deep
present state/deep/conv.weight.npy "export"
present state/deep/count.npy "export"
[ -s out ] && fail "--export-state alone printed the module"
expect 0 "export and write" "$opt" net.gir --export-state state -o new.gfb
present new.gfb "export and write"
cat >names.gir <<'GIR'
graft 1
tensor %"a/b": f32[2] parameter = [1, 2]
tensor %"a:b": f32[2] parameter = [1, 2]
graph main(%x: f32[2]) {
  %y = add(%x, %"a/b"): f32[2]
  %z = add(%y, %"a:b"): f32[2]
  return %z as "y/z"
}
GIR
expect 1 "a collision" "$opt" names.gir --export-state names -o never.gir
said "a_b.npy" "a collision"
absent names "a collision"
absent never.gir "a collision"
expect 0 "a name that needs care" "$opt" names.gir --passes 'rewrite{rules=my_relu}' --pattern-file my.pat -o ok.gir

# -- ir-run
cat >data.gir <<'GIR'
graft 1
tensor %a: f32[1, 3, 5, 5] constant = fill("a", -1, 1)
tensor %b: f32[7, 3, 5, 5] constant = fill("b", -1, 1)
tensor %labels: i64[7] constant = [0, 0, 0, 0, 0, 0, 0]
tensor %table: i64[1, 7] constant = [0, 0, 0, 0, 0, 0, 0]
tensor %no_class: i64[7] constant = [0, 0, 0, 0, 0, 0, 2]
tensor %small: f32[3] constant = [1, 2, 3]
graph main(%x: f32[1]) {
  %y = relu(%x): f32[1]
  return %y as "y"
}
GIR
expect 0 "data" "$opt" data.gir --export-state data
expect 2 "run without a module" "$run"
expect 2 "run: unknown option" "$run" net.gir --nonsense
expect 2 "run: two modules" "$run" net.gir net.gir
expect 2 "run: an input without a file" "$run" net.gir --input x
expect 2 "run: an empty file name" "$run" net.gir --input x=a.npy,
expect 2 "run: batch 0" "$run" net.gir --batch 0
expect 2 "run: threads" "$run" net.gir --threads many
expect 2 "run: an input twice" "$run" net.gir --input x=data/a.npy --input x=data/a.npy
expect 2 "run: lists of different length" "$run" net.gir --input x=data/a.npy,data/a.npy --input y=data/a.npy
expect 0 "run: help" "$run" --help
for option in input output-dir output threads reference seed timing batch labels random extent steps values dump-values; do printed "--$option" "run: help"; done
expect 1 "run: no such input" "$run" net.gir --input z=data/a.npy --output-dir never
said "no input called 'z'" "run: no such input"
absent never "run: no such input"
expect 1 "run: no such file" "$run" net.gir --input x=data/none.npy
expect 1 "run: wrong shape" "$run" net.gir --input x=data/small.npy -o never.gfb
said "net.gir: error: x: the input is f32\[3\], the graph's is f32\[?, 3, 5, 5\]" "run: wrong shape"
absent never.gfb "run: wrong shape"
expect 1 "run: an input is missing" "$run" net.gir -o never.gfb
absent never.gfb "run: an input is missing"
expect 0 "run: two steps" "$run" net.gir --input x=data/a.npy,data/b.npy --output-dir results/here -o after.gfb --timing
said "2 steps" "run: timing"
said "^  conv  *conv2d  *[0-9.]* ms  *[0-9.]*%  C order  *plain" "run: timing of a node"
not_printed "dead" "run: timing of a node that nothing needs"
for file in y.0 y.1 times_two.0 times_two.1; do present "results/here/$file.npy" "run: two steps"; done
expect 0 "run: state" "$opt" after.gfb
printed "count.*= *2" "run: state"
expect 0 "run: batch" "$run" net.gir --input x=data/b.npy --batch 2 --output-dir batch
present batch/y.2.npy "run: batch"
absent batch/y.3.npy "run: batch drops the rest"
expect 0 "run: labels" "$run" net.gir --input x=data/b.npy --batch 7 --labels data/labels.npy
printed "^accuracy: .*of 7)" "run: labels"
expect 1 "run: fewer rows than a batch" "$run" net.gir --input x=data/a.npy --batch 2 -o never.gfb
absent never.gfb "run: fewer rows than a batch"
expect 1 "run: too few labels" "$run" net.gir --input x=data/b.npy,data/b.npy --labels data/labels.npy
expect 1 "run: too many labels" "$run" net.gir --input x=data/a.npy --labels data/labels.npy -o never.gfb
said "7 labels for 1 rows" "run: too many labels"
absent never.gfb "run: too many labels"
expect 1 "run: a table of labels" "$run" net.gir --input x=data/b.npy --labels data/table.npy
expect 1 "run: a label that is no class" "$run" net.gir --input x=data/b.npy --labels data/no_class.npy
expect 0 "run: summary" "$run" net.gir --input x=data/a.npy
printed "step 0  y  f32\[1, 2\]" "run: summary"
cp out one
if [ -w /dev/full ]; then
  "$run" net.gir --input x=data/a.npy >/dev/full 2>err
  [ $? = 1 ] || fail "ir-run >/dev/full"
  said "cannot write" "ir-run >/dev/full"
fi
expect 2 "run: an option twice" "$run" net.gir --batch 1 --batch 2
expect 2 "run: an option with a letter wrong" "$run" net.gir --imput x=data/a.npy
said "did you mean '--input'?" "run: an option with a letter wrong"
expect 0 "run: state to standard output" "$run" net.gir --input x=data/a.npy -o -
printed "^tensor %count: f32\[\] buffer = 1.0" "run: state to standard output"
expect 0 "run: threads" "$run" net.gir --input x=data/a.npy --threads 2
cmp -s out one || fail "two threads give other results"
expect 0 "run: plain kernels" "$run" net.gir --input x=data/a.npy --reference --timing
grep -qi 'onednn' err && fail "run: --reference has oneDNN's kernels"

# -- ir-run: random inputs, values
expect 2 "random: no number" "$run" net.gir --random x
expect 2 "random: extents without it" "$run" net.gir --extent 3
expect 2 "random: no extent" "$run" net.gir --random 1 --extent 3,
expect 2 "random: steps of files" "$run" net.gir --input x=data/a.npy --steps 2
expect 1 "random: extents of no input" "$run" net.gir --random 1 --extent z=3
said "no input called 'z'" "random: extents of no input"
said "it has the input 'x'" "random: extents of no input"
expect 1 "random: more extents than are unknown" "$run" net.gir --random 1 --extent 3,4
said "2 numbers for 1 unknown extent of the random inputs" "random: more extents than are unknown"
expect 1 "random: extents of an input with a file" "$run" net.gir --random 1 --input x=data/a.npy --extent x=3
said "1 number for 0 unknown extents" "random: extents of an input with a file"
expect 2 "random: extents twice" "$run" net.gir --random 1 --extent x=3 --extent x=4
cat >images.gir <<'GIR'
graft 1
graph main(%images: f32[2], %mask: f32[2]) {
  %y = add(%images, %mask): f32[2]
  return %y
}
GIR
expect 1 "an input with a letter missing" "$run" images.gir --input image=data/a.npy
said "no input called 'image'; did you mean 'images'?" "an input with a letter missing"
expect 0 "random" "$run" net.gir --random 7 --extent 4 --steps 2
printed "^step 1  y  f32\[4, 2\]" "random"
cp out random
expect 0 "random: the same numbers" "$run" net.gir --random 7 --extent x=4 --steps 2
cmp -s out random || fail "a seed gives other numbers the second time"
expect 0 "random: other numbers" "$run" net.gir --random 8 --extent 4 --steps 2
! cmp -s out random || fail "two seeds give the same numbers"
cat >values.gir <<'GIR'
graft 1
tensor %nan: f32[4] constant = [0, 0, 1, -3]
graph main(%x: f32[1]) {
  %"a/b" = div(%nan, %nan): f32[4]
  %a_b = relu(%"a/b"): f32[4]
  %"a b" = mul(%nan, 2.0): f32[4]
  return %a_b, %"a b"
}
GIR
expect 0 "values" "$run" values.gir --random 1 --values
printed "^  x  *f32\[1\] " "values: the input"
printed "^  a/b  *f32\[4\]  *1  *1  *1  *2  *0  *0.0%" "values: NaN"
printed "^  a b  *f32\[4\]  *-6  *2  *-1  *0  *0  *50.0%" "values: zeros"
expect 0 "dumped values" "$run" values.gir --random 1 --steps 2 --dump-values dump/here
for file in x.0 x.1 a_b.0 a_b-2.0 a_b-3.0; do present "dump/here/$file.npy" "dumped values"; done
# what takes long says how far it is on a terminal, and nowhere else
long="$run net.gir --random 1 --extent 256 --steps 3000 --values"
if command -v script >/dev/null; then
  script -qec "TERM=xterm $long" /dev/null >terminal 2>/dev/null
  grep -q "of 3000 steps, .*/s, .* left" terminal || fail "progress: nothing on a terminal"
  tail -n 20 terminal | grep -q "values of 3000 steps" || fail "progress: it is not gone at the end"
  script -qec "TERM=dumb $long" /dev/null >terminal 2>/dev/null
  ! grep -q "steps, " terminal || fail "progress: on a terminal that cannot go back in a line"
  script -qec "TERM=xterm $long 2>err" /dev/null >terminal 2>/dev/null
  ! grep -q "steps, " err || fail "progress: in a file"
fi

# -- ir-run: one module against another
cat >float.gir <<'GIR'
graft 1
graph main(%x: f32[?, 4]) {
  %a = mul(%x, 2.0): f32[?, 4]
  %"<img src=x onerror=alert(1)>&'" = relu(%a): f32[?, 4]
  return %"<img src=x onerror=alert(1)>&'" as "y"
}
GIR
cat >int8.gir <<'GIR'
graft 1
graph main(%x: f32[?, 4]) {
  %q = quantize_per_tensor(%x, 0.25, 0: i32): i8[?, 4]
  %d = dequantize_per_tensor(%q, 0.25, 0: i32): f32[?, 4]
  %a = mul(%d, 2.0): f32[?, 4]
  %"<img src=x onerror=alert(1)>&'" = relu(%a): f32[?, 4]
  return %"<img src=x onerror=alert(1)>&'" as "y"
}
GIR
expect 2 "compare: a report of nothing" "$run" float.gir --report r.html
said "is of --compare" "compare: a report of nothing"
expect 2 "compare: decibels" "$run" float.gir --compare int8.gir --bad loud
expect 2 "compare: with results" "$run" float.gir --compare int8.gir --output-dir never
expect 1 "compare: an input is missing" "$run" float.gir --compare int8.gir
said "float.gir: error: x: the input has neither --input nor --random" "compare: an input is missing"
expect 1 "compare: no such file" "$run" float.gir --compare none.gir --random 1
expect 1 "compare: a report that cannot be written" "$run" float.gir --compare int8.gir --random 1 --report none/r.html
said "^none/r.html: error: cannot write" "compare: a report that cannot be written"
if [ -c /dev/full ]; then
  for option in report json node-data; do
    expect 1 "compare: a full --$option" "$run" float.gir --compare int8.gir --random 1 "--$option" /dev/full
    said "^/dev/full: error: cannot write" "compare: a full --$option"
    [ -c /dev/full ] || fail "compare: a full --$option: it is gone"
  done
fi
cp float.gir kept.gir
expect 1 "compare: a report over what is read" "$run" float.gir --compare int8.gir --random 1 --report ./float.gir
said "^./float.gir: error: this file is what is compared" "compare: a report over what is read"
cmp -s float.gir kept.gir || fail "compare: a report was written over the module"
expect 1 "compare: two outputs in one file" "$run" float.gir --compare int8.gir --random 1 --report never.html --json never.html
absent never.html "compare: two outputs in one file"
sed -e 's/%a/%other/g' -e 's/<img/<pic/g' -e 's/"y"/"z"/' float.gir >stranger.gir
expect 1 "compare: nothing in common" "$run" float.gir --compare stranger.gir --random 1 --report never.html
said "^stranger.gir: error: no value has the name of one in float.gir" "compare: nothing in common"
absent never.html "compare: nothing in common"
expect 0 "compare" "$run" float.gir --compare int8.gir --random 1 --extent 50 --steps 3 --bad 10 --report r.html --json r.json --node-data n.json
printed "^int8.gir against float.gir: 3 layers, 3 steps" "compare"
printed "^  x  *input  *1[0-9.]*  *1[0-9.]*  *none  *0.9[0-9]*  *0.5 steps" "compare: an input that is quantized"
printed "^  a  *mul  *1[0-9.]*  *equal" "compare: what is only inherited"
printed "^no layer is below 10 dB" "compare"
printed "^most error of its own: x, 1" "compare"
cp r.html first.html
expect 0 "compare: bad layers" "$run" float.gir --compare int8.gir --random 1 --extent 50 --steps 3 --bad 30 --report bad.html
printed "^! x  *input" "compare: bad layers"
printed "^first layer below 30 dB: x, 1" "compare: bad layers"
expect 0 "compare: equal" "$run" float.gir --compare float.gir --random 1
printed "^  a  *mul  *equal  *equal  *none  *1.000000  *0$" "compare: equal"
expect 0 "compare: again" "$run" float.gir --compare int8.gir --random 1 --extent 50 --steps 3 --bad 10 --report r.html
cmp -s r.html first.html || fail "a second report has other bytes"
grep -q "&lt;img src=x onerror=alert(1)&gt;&amp;&#39;" r.html || fail "the report lacks the escaped name"
! grep -q "<img" r.html || fail "a name is markup in the report"
! grep -qE "https?:|src=[^x]|@import|url\(" r.html || fail "the report asks for other files"
python3 - <<'PY' 2>err || fail "JSON of a comparison"
import json
r, n = json.load(open("r.json")), json.load(open("n.json"))
assert r["steps"] == 3 and r["first_bad"] is None and r["worst"] == 0 and r["missed"] == []
x, a, y = r["layers"]
assert x["name"] == "x" and x["a"] == "x" and x["b"] == "d" and a["own"]["snr"] == "inf" and y["op"] == "relu"
assert x["quantized"]["scale_min"] == 0.25 and x["quantized"]["quant_min"] == -128 and "quantized" not in a
assert abs(x["error"]["steps"] - 0.5) < 0.02 and sum(x["histogram"]["a"]) == x["range_a"]["count"] == 600
assert abs(n["results"]["x"]["value"] - x["error"]["snr"]) < 1e-6 and n["results"]["d"] == n["results"]["x"]
assert [t["value"] for t in n["thresholds"]] == [10, 20, 200]
assert set(n) == {"results", "thresholds"} and n["results"]["q"] == n["results"]["x"]
assert all(set(r) == {"value"} and isinstance(r["value"], float) for r in n["results"].values())
assert all(set(t) == {"value", "bgColor"} and t["bgColor"][0] == "#" for t in n["thresholds"])
PY

[ "$failed" = 0 ] && echo "all as expected"
[ "$failed" = 0 ]
