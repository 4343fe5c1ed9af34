#!/bin/sh
# ir-opt --load-state and --save-state, with the options beside them. usage: state.sh IR_OPT
opt=$(realpath "$1")
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0

fail() { echo "FAIL $1"; sed 's/^/     /' err; failed=$((failed + 1)); }
expect() { # STATUS WHAT COMMAND...
  want=$1 what=$2
  shift 2
  "$@" >out 2>err </dev/null
  got=$?
  [ "$got" = "$want" ] || fail "$what: exit status $got, expected $want"
}
said() { grep -q -e "$1" err || fail "$2: standard error lacks '$1'"; }
same() { cmp -s "$1" "$2" || fail "$3: $1 and $2 differ"; }
absent() { [ ! -e "$1" ] || fail "$2: $1 was written"; }

network() { # WEIGHT
  cat <<GIR
graft 1
tensor %conv.weight: f32[1, 1, 1, 1] parameter = [$1]
tensor %bn.weight: f32[1] parameter = [$1]
tensor %bn.bias: f32[1] parameter = [0]
tensor %bn.running_mean: f32[1] buffer = [0]
tensor %bn.running_var: f32[1] buffer = [1]
graph main(%x: f32[1, 1, 2, 2]) {
  %conv = conv2d(%x, %conv.weight): f32[1, 1, 2, 2]
  %bn = batch_norm(%conv, %bn.weight, %bn.bias, %bn.running_mean, %bn.running_var): f32[1, 1, 2, 2]
  return %bn as "y"
}
GIR
}
network 2 >two.gir
network 3 >three.gir
expect 0 "text" "$opt" two.gir -o two.out.gir

expect 0 "save" "$opt" two.gir --save-state two.safetensors
[ -s out ] && fail "--save-state alone printed the module"
expect 0 "load" "$opt" three.gir --load-state two.safetensors -o loaded.gir
same two.out.gir loaded.gir "load"
expect 0 "load before the passes, save after them" \
  "$opt" three.gir --load-state two.safetensors --passes fold-conv-bn,dce --save-state folded.safetensors
expect 0 "the same in two steps" "$opt" two.gir --passes fold-conv-bn,dce --save-state steps.safetensors
same folded.safetensors steps.safetensors "load before the passes, save after them"
expect 1 "a state of another network" "$opt" two.gir --load-state folded.safetensors -o never.gir
said "folded.safetensors: error: 4 keys are missing: bn.weight, bn.bias, bn.running_mean, bn.running_var" "another network"
said "error: 1 key is unexpected: conv.bias" "a state of another network"
absent never.gir "a state of another network"
expect 0 "partly" "$opt" two.gir --load-state folded.safetensors --partial-state -o partly.gir
said "warning: 1 key is unexpected" "partly"

expect 0 "a part" "$opt" two.gir --state-module bn --state-prefix module. --save-state bn.safetensors
grep -q '"module.weight"' bn.safetensors || fail "a part: no module.weight"
expect 0 "a part again" "$opt" three.gir --state-module bn --state-prefix module. --load-state bn.safetensors -o bn.gir
expect 1 "without its prefix" "$opt" three.gir --state-module bn --load-state bn.safetensors -o never.gir
said "if 'module.' were the keys' prefix" "without its prefix"

expect 1 "no such part" "$opt" two.gir --state-module bm --save-state never.safetensors
said "never.safetensors: error: no tensor of the network lies below the module 'bm'" "no such part"
absent never.safetensors "no such part"
expect 1 "no such part to load" "$opt" two.gir --state-module conv.weight --partial-state --load-state bn.safetensors -o never.gir
said "bn.safetensors: error: no tensor of the network lies below the module 'conv.weight'" "no such part to load"
absent never.gir "no such part to load"
expect 1 "no such file" "$opt" two.gir --load-state none.safetensors
said "none.safetensors: error: cannot read" "no such file"
expect 1 "no state" "$opt" two.gir --load-state two.gir
expect 1 "PyTorch's format is not written" "$opt" two.gir --save-state two.pt
said "two.pt: error: a state is written as .safetensors" "PyTorch's format is not written"
absent two.pt "PyTorch's format is not written"
expect 2 "a dict of no checkpoint" "$opt" two.gir --state-dict x
said "state-dict needs --load-state" "a dict of no checkpoint"
expect 2 "a prefix of no state" "$opt" two.gir --state-prefix x
expect 2 "a part of no state" "$opt" two.gir --state-module x
expect 2 "nothing is loaded partly" "$opt" two.gir --save-state x.safetensors --partial-state
said "partial-state needs --load-state" "nothing is loaded partly"

# A tensor that cannot be had: no empty folder is left, and one that was there stays.
printf 'graft 1\ntensor %%w: f32[1000000] parameter = fill("w", 0.0, 1.0)\ngraph main() {\n  %%y = relu(%%w)\n  return %%y\n}\n' >fill.gir
expect 1 "export beyond the memory" "$opt" fill.gir --max-memory 1M --export-state made
absent made "export beyond the memory"
mkdir there
expect 1 "export beyond the memory" "$opt" fill.gir --max-memory 1M --export-state there
[ -d there ] || fail "export beyond the memory: a folder that was there is gone"

[ "$failed" = 0 ] && echo "state files: all as they should be"
exit "$failed"
