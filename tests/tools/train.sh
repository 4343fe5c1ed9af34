#!/bin/sh
# ir-run --epochs: what is written, told and refused; that it goes on where it was stopped. usage: train.sh IR_OPT IR_RUN
opt=$(realpath "$1") run=$(realpath "$2")
# shellcheck source=tests/tools/expect.sh
. "$(dirname "$0")/expect.sh"
same() { cmp -s "$1" "$2" || fail "$3: $1 and $2 differ"; }
lines() { [ "$(wc -l <"$1")" = "$2" ] || fail "$3: $1 has $(wc -l <"$1") lines, expected $2"; }

cat >net.gir <<'GIR'
graft 1
tensor %fc.weight: f32[3, 8] parameter = fill("fc.weight", -0.4, 0.4)
tensor %fc.bias: f32[3] parameter = fill("fc.bias", -0.1, 0.1)
graph main(%x: f32[?, 8], %labels: i64[?, 1]) {
  %y = linear(%x, %fc.weight, %fc.bias): f32[?, 3]
  %t = to(%labels) {dtype: f32}: f32[?, 1]
  %e = sub(%y, %t): f32[?, 3]
  %q = mul(%e, %e): f32[?, 3]
  %cost = mean(%q): f32[]
  return %y, %cost
}
GIR
# Data: 40 rows of fills, and whole numbers as labels.
cat >data.gir <<'GIR'
graft 1
tensor %x: f32[40, 8] constant = fill("x", -1.0, 1.0)
tensor %l: f32[40, 1] constant = fill("l", 0.0, 2.99)
graph main() {
  %a = abs(%x): f32[40, 8]
  %b = sub(%x, %a): f32[40, 8]
  %c = add(%b, %a): f32[40, 8]
  %labels = to(%l) {dtype: u8}: u8[40, 1]
  return %c as "x", %labels as "labels"
}
GIR
expect 0 "data" "$run" data.gir --output-dir .
expect 0 "train-step" "$opt" net.gir --passes 'train-step{loss=cost,lr=0.02,momentum=0.9}' -o step.gfb
train() { "$run" "$@" --batch 4 --input x=x.0.npy --labels labels.0.npy; }

# -- what is written and told
expect 0 "training" train step.gfb --epochs 3 --shuffle 5 --schedule cosine,0.001 --warmup 4 --log log.csv -o whole.gfb \
  --validate x=x.0.npy --validate-labels labels.0.npy
said 'epoch 3 of 3, step 30 of 30: loss .*validation loss' "an epoch's line"
said 'samples/s' "an epoch's line"
lines err 3 "a line an epoch, and no rows left out"
lines log.csv 31 "a row a step"
grep -q '^step,epoch,loss,accuracy,rate' log.csv || fail "the log's head"
first=$(sed -n 2p log.csv | cut -d, -f3) last=$(sed -n 31p log.csv | cut -d, -f3)
awk "BEGIN { exit !($last < $first) }" || fail "the loss does not fall: $first, then $last"
expect 0 "the same again" train step.gfb --epochs 3 --shuffle 5 --schedule cosine,0.001 --warmup 4 -o again.gfb --threads 2
same whole.gfb again.gfb "two runs"
expect 0 "another order" train step.gfb --epochs 3 --shuffle 6 --schedule cosine,0.001 --warmup 4 -o other.gfb
cmp -s whole.gfb other.gfb && fail "the seed changes nothing"
expect 0 "without --epochs: the first graph" "$run" whole.gfb --random 1
grep -q loss out && fail "without --epochs: the first graph"
expect 0 "another graph" "$run" whole.gfb --graph train --random 1
grep -q 'step 0  loss' out || fail "another graph: it has a loss"

# -- it is stopped, and goes on
expect 0 "unbroken" train step.gfb --epochs 400 --shuffle 5 --schedule step,100,0.5 -o unbroken.gfb
# A shell without job control has background commands ignore SIGINT: they get it by a group of their own.
python3 - "$run" >err 2>&1 <<'PY' || fail "a SIGINT ends it behind a step"
import os, signal, subprocess, sys, time
p = subprocess.Popen([sys.argv[1], 'step.gfb', '--epochs', '400', '--shuffle', '5', '--schedule', 'step,100,0.5', '--batch', '4',
                      '--input', 'x=x.0.npy', '--labels', 'labels.0.npy', '--checkpoint', 'ck.gfb', '--log', 'stopped.csv'],
                     stderr=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
end = time.time() + 20
while time.time() < end and not (os.path.exists('stopped.csv') and sum(1 for _ in open('stopped.csv')) > 25):
    time.sleep(0.001)
p.send_signal(signal.SIGINT)
said = p.communicate()[1]
print(said)
assert p.returncode == -signal.SIGINT, p.returncode
assert 'interrupted behind step' in said and 'error' not in said
PY
expect 0 "resuming" train ck.gfb --resume --epochs 400 --shuffle 5 --schedule step,100,0.5 --checkpoint ck.gfb --log stopped.csv -o resumed.gfb
same unbroken.gfb resumed.gfb "resumed"
same ck.gfb resumed.gfb "the last checkpoint"
lines stopped.csv 4001 "a log that goes on"

# -- parts
expect 0 "parts" "$opt" net.gir --passes 'train-step{loss=cost,lr=0.02,accumulate=true}' -o parts.gfb
expect 0 "parts" train parts.gfb --epochs 2 --accumulate 5 --log parts.csv
lines parts.csv 5 "a row for all parts"
expect 1 "parts of a step that has none" train step.gfb --epochs 2 --accumulate 5
said 'train-step{accumulate=true}' "parts of a step that has none"

# -- random ops, and the plain kernels: what a run draws follows from --seed and the number of the step
cat >drop.gir <<'GIR'
graft 1
tensor %conv.weight: f32[16, 3, 3, 3] parameter = fill("conv.weight", -0.3, 0.3)
tensor %bn.weight: f32[16] parameter = fill("bn.weight", 0.5, 1.5)
tensor %bn.bias: f32[16] parameter = fill("bn.bias", -0.1, 0.1)
tensor %bn.running_mean: f32[16] buffer = fill("bn.running_mean", -0.1, 0.1)
tensor %bn.running_var: f32[16] buffer = fill("bn.running_var", 0.5, 1.5)
tensor %fc.weight: f32[3, 16] parameter = fill("drop.fc.weight", -0.4, 0.4)
graph main(%image: f32[?, 3, 24, 24]) {
  %c = conv2d(%image, %conv.weight) {padding: [1, 1]}: f32[?, 16, 24, 24]
  %b = batch_norm(%c, %bn.weight, %bn.bias, %bn.running_mean, %bn.running_var): f32[?, 16, 24, 24]
  %r = relu(%b): f32[?, 16, 24, 24]
  %d = dropout(%r) {p: 0.3}: f32[?, 16, 24, 24]
  %m = mean(%d) {dim: [2, 3]}: f32[?, 16]
  %e = dropout(%m): f32[?, 16]
  %y = linear(%e, %fc.weight): f32[?, 3]
  return %y
}
GIR
cat >images.gir <<'GIR'
graft 1
tensor %x: f32[18, 3, 24, 24] constant = fill("images", -1.0, 1.0)
tensor %l: f32[18] constant = fill("classes", 0.0, 2.99)
graph main() {
  %a = abs(%x): f32[18, 3, 24, 24]
  %b = sub(%x, %a): f32[18, 3, 24, 24]
  %c = add(%b, %a): f32[18, 3, 24, 24]
  %labels = to(%l) {dtype: u8}: u8[18]
  return %c as "image", %labels as "classes"
}
GIR
expect 0 "images" "$run" images.gir --output-dir .
expect 0 "train-step with dropout" "$opt" drop.gir --passes 'train-step{optimizer=adam,lr=0.01}' -o drop.gfb
drop() { "$run" "$@" --batch 4 --input image=image.0.npy --labels classes.0.npy; }
expect 0 "dropout" drop drop.gfb --epochs 3 --shuffle 1 --seed 7 --log one.csv -o one.gfb
expect 0 "dropout again" drop drop.gfb --epochs 3 --shuffle 1 --seed 7 --log two.csv -o two.gfb
same one.gfb two.gfb "dropout of one seed"
same one.csv two.csv "dropout of one seed: the log"
expect 0 "dropout of another seed" drop drop.gfb --epochs 3 --shuffle 1 --seed 8 --log other.csv -o other.gfb
cmp -s one.csv other.csv && fail "dropout: the seed changes nothing"
expect 0 "dropout without a seed" drop drop.gfb --epochs 3 --shuffle 1 --log none.csv
expect 0 "dropout of seed 0" drop drop.gfb --epochs 3 --shuffle 1 --seed 0 --log zero.csv
same none.csv zero.csv "seed 0 is the default"
expect 0 "dropout, an epoch" drop drop.gfb --epochs 1 --shuffle 1 --seed 7 --log parts.csv --checkpoint part.gfb
expect 0 "dropout, resumed" drop part.gfb --resume --epochs 3 --shuffle 1 --seed 7 --log parts.csv -o resumed.gfb
same one.gfb resumed.gfb "dropout, resumed"
same one.csv parts.csv "dropout, resumed: the log"
said 'part.gfb: warning: image: an epoch is 4 steps of 4 of the 18 rows: 2 are left out, others in each epoch' "rows that are left out"
expect 0 "plain kernels" drop drop.gfb --epochs 2 --seed 7 --reference --log plain1.csv -o plain1.gfb
expect 0 "plain kernels, two threads" drop drop.gfb --epochs 2 --seed 7 --reference --threads 2 --log plain2.csv -o plain2.gfb
same plain1.gfb plain2.gfb "plain kernels for one and two threads"
same plain1.csv plain2.csv "plain kernels for one and two threads: the log"

[ "$(grep -c 'left out' err)" = 1 ] || fail "rows that are left out: once"
[ "$(tail -1 one.csv | sed 's/.*,//')" = 16 ] || fail "the log's rows of an epoch"
# -- the same of a run without training
step() { "$run" drop.gfb --graph train --input image=image.0.npy --input labels=classes64.0.npy --output-dir "$@"; }
cat >classes.gir <<'GIR'
graft 1
tensor %l: f32[18] constant = fill("classes", 0.0, 2.99)
graph main() {
  %labels = to(%l) {dtype: i64}: i64[18]
  return %labels as "classes64"
}
GIR
expect 0 "classes" "$run" classes.gir --output-dir .
expect 0 "a step" step a --seed 3
expect 0 "the same step" step b --seed 3
expect 0 "a step of another seed" step c --seed 4
same a/loss.0.npy b/loss.0.npy "a step of one seed"
cmp -s a/loss.0.npy c/loss.0.npy && fail "a step: the seed changes nothing"
expect 0 "a plain step" step d --seed 3 --reference
expect 0 "a plain step of two threads" step e --seed 3 --reference --threads 2
same d/loss.0.npy e/loss.0.npy "plain kernels in a step"
expect 2 "a seed that is none" step f --seed x

# -- batches of one size alone
sed 's/?/6/g' net.gir >six.gir
expect 0 "six rows" "$opt" six.gir --passes 'train-step{loss=cost,lr=0.02}' -o six.gfb
expect 0 "six rows" "$run" six.gfb --batch 6 --epochs 2 --input x=x.0.npy --labels labels.0.npy --validate x=x.0.npy --validate-labels labels.0.npy
said 'x: an epoch is 6 steps of 6 of the 40 rows: 4 are left out, the last ones' "six rows"
said "x: validation: the graph 'main' takes 6 rows at once, the last 4 of 40 are left out" "six rows"
lines err 4 "six rows: said once"

# -- data that are not finite: a float network's loss is not either, fake-quants take them for 0
cat >roots.gir <<'GIR'
graft 1
tensor %x: f32[18, 3, 24, 24] constant = fill("images", -1.0, 1.0)
graph main() {
  %r = sqrt(%x): f32[18, 3, 24, 24]
  return %r as "root"
}
GIR
expect 0 "roots" "$run" roots.gir --output-dir .
expect 1 "roots in a float network" "$run" drop.gfb --batch 6 --epochs 1 --input image=root.0.npy --labels classes.0.npy
said 'image: the data of this input are not finite: the loss of step 1' "roots in a float network"
expect 0 "a quantized step" "$opt" drop.gir --passes 'prepare-qat{quantizer=xnnpack},train-step' -o qat.gfb
expect 0 "roots in a quantized network" "$run" qat.gfb --batch 6 --epochs 2 --input image=root.0.npy --labels classes.0.npy
said 'warning: image: [0-9]* of the data are NaN or infinite in step 1' "roots in a quantized network"
lines err 3 "roots in a quantized network: said once"
expect 0 "images in a quantized network" "$run" qat.gfb --batch 6 --epochs 2 --input image=image.0.npy --labels classes.0.npy
lines err 2 "images in a quantized network"

# -- what is refused
expect 1 "ONNX of a step" "$opt" step.gfb -o step.onnx
said 'the module has 2: the pass drop-graph{graph="train"} takes the others away' "ONNX of a step"
[ -e step.onnx ] && fail "ONNX of a step: it was written"
expect 0 "ONNX without the step" "$opt" parts.gfb --passes drop-graph -o step.onnx
expect 1 "no graph train" train net.gir --epochs 1
said "no graph is called 'train'" "no graph train"
expect 1 "too few rows" "$run" step.gfb --epochs 1 --batch 41 --input x=x.0.npy --labels labels.0.npy
said 'x: 40 rows of data, but a step takes 41' "too few rows"
expect 1 "no labels" "$run" step.gfb --epochs 1 --batch 4 --input x=x.0.npy
said 'labels: there are no data for this input' "no labels"
expect 1 "not the input's shape" "$run" step.gfb --epochs 1 --batch 4 --input x=labels.0.npy --labels labels.0.npy
said 'x: the data are' "not the input's shape"
expect 2 "no batch" "$run" step.gfb --epochs 1 --input x=x.0.npy
expect 2 "no epochs" "$run" step.gfb --batch 4 --input x=x.0.npy --checkpoint ck.gfb
expect 2 "no such schedule" train step.gfb --epochs 1 --schedule linear
said 'cosine' "no such schedule"
expect 2 "half a schedule" train step.gfb --epochs 1 --schedule step
: >empty.npy
head -c 100 x.0.npy >head.npy
head -c 900 x.0.npy >short.npy
for file in empty head short; do # mapped, but not believed
  expect 1 "a file that is cut short" "$run" step.gfb --epochs 1 --batch 4 --input x=$file.npy --labels labels.0.npy
  said "$file.npy: error: " "a file that is cut short"
done
expect 1 "no such graph" "$run" step.gfb --graph tain --input x=x.0.npy
expect 1 "nowhere to write" train step.gfb --epochs 1 --checkpoint nowhere/ck.gfb --log never.csv
said 'nowhere/ck.gfb: error: cannot write' "nowhere to write: the file is named"
[ -e never.csv ] && fail "nowhere to write: it trained first"
expect 1 "nowhere to write the result" train step.gfb --epochs 1 -o nowhere/out.gfb --log never.csv
[ -e never.csv ] && fail "nowhere to write the result: it trained first"
expect 1 "a directory as the result" train step.gfb --epochs 1 -o .
expect 2 "one file for two" train step.gfb --epochs 1 --log one.gfb --checkpoint one.gfb
expect 2 "a seed that is too large" train step.gfb --epochs 1 --shuffle 99999999999999999999
[ -e nowhere ] && fail "nowhere to write: it was made"

[ $failed = 0 ] && echo "ok" || exit 1
