#!/bin/sh
# The main job on two real networks: installs what is missing, builds, then float -> QAT form -> trained -> int8 ->
# integers -> ONNX, with what each stage costs and what it does to the accuracy, and a page of where error is born.
# usage: sh tools/demo.sh   (build folder: build-release; results: build-release/demo)
set -eu
cd "$(dirname "$0")/.."
# shellcheck disable=SC2046  # a list of words
sh tools/packages.sh $(sed -n 's/^build //p' tools/packages.txt)

say() { printf '\033[1m$ %s\033[0m\n' "$*"; }
run() { say "$@"; "$@"; }
fail() { echo "demo: $*" >&2; exit 1; }
# Runs a command, keeps what it prints, and says how long it took in `seconds`.
timed() {
  say "$@"
  begin=$(date +%s.%N)
  "$@" >"$out/last.txt" 2>&1 || { cat "$out/last.txt" >&2; fail "the command above failed"; }
  seconds=$(echo "$begin $(date +%s.%N)" | awk '{ printf "%.2f", $2 - $1 }')
  cat "$out/last.txt"
}
accuracy() { sed -n 's/.*accuracy[: ]*\([0-9.]*%.*\)/\1/p' "$out/last.txt" | tail -n 1; }
size() { wc -c <"$1" | awk '{ printf "%.1f KB", $1 / 1000 }'; }
line() { printf '  %-34s %s\n' "$1" "$2" >>"$out/table.txt"; }

build='build-release'
[ -d $build ] || run meson setup $build --buildtype=release -Dtests=enabled
run ninja -C $build --quiet tools/ir-opt tools/ir-run tests/models/build-model tests/models/compare-models
out=$build/demo
rm -rf $out
mkdir -p $out
opt=$build/tools/ir-opt
ir_run=$build/tools/ir-run

echo
echo "== digits: four conv+bn+relu, trained in PyTorch, exported in training mode =="
data=tests/data
echo "digits" >$out/table.txt
timed $opt $data/digits.onnx --passes to-eval -o $out/digits.float.gfb
line "import, to-eval" "$seconds s, $(size $out/digits.float.gfb)"
timed $ir_run $out/digits.float.gfb --input x=$data/digits.test.x.npy --batch 1 --labels $data/digits.test.y.npy
line "float accuracy, 360 test images" "$(accuracy)   ($seconds s)"
timed $opt $data/digits.onnx --passes 'prepare-qat{quantizer=xnnpack,per-channel=true},train-step{lr=0.01,momentum=0.9}' -o $out/digits.step.gfb
line "prepare-qat, train-step" "$seconds s"
timed $ir_run $out/digits.step.gfb --epochs 1 --batch 32 --shuffle 1 --input x=$data/digits.train.x.npy --labels $data/digits.train.y.npy -o $out/digits.trained.gfb
line "one epoch of 44 steps of 32" "$seconds s"
timed $ir_run $out/digits.trained.gfb --input x=$data/digits.test.x.npy --batch 1 --labels $data/digits.test.y.npy
line "accuracy with fake quantization" "$(accuracy)   ($seconds s)"
timed $opt $out/digits.trained.gfb --passes to-eval,convert -o $out/digits.int8.gfb
line "convert" "$seconds s, $(size $out/digits.int8.gfb)"
timed $ir_run $out/digits.int8.gfb --input x=$data/digits.test.x.npy --batch 1 --labels $data/digits.test.y.npy
line "int8 accuracy" "$(accuracy)   ($seconds s)"
timed $opt $out/digits.int8.gfb --passes lower --stats -o $out/digits.integers.gfb
line "lower" "$seconds s"
timed $ir_run $out/digits.integers.gfb --input x=$data/digits.test.x.npy --batch 1 --labels $data/digits.test.y.npy
line "accuracy in integers" "$(accuracy)   ($seconds s)"
timed $opt $out/digits.int8.gfb -o $out/digits.qdq.onnx
line "ONNX, quantize and dequantize" "$seconds s, $(size $out/digits.qdq.onnx)"
timed $opt $out/digits.integers.gfb -o $out/digits.onnx
line "ONNX, ops on integers" "$seconds s, $(size $out/digits.onnx)"
timed $opt $out/digits.onnx --passes canonicalize,lower -o $out/digits.back.gfb
timed $ir_run $out/digits.back.gfb --input x=$data/digits.test.x.npy --batch 1 --labels $data/digits.test.y.npy
line "accuracy of that file, in integers" "$(accuracy)   ($seconds s)"
timed $ir_run $out/digits.float.gfb --compare $out/digits.back.gfb --input x=$data/digits.test.x.npy --batch 60 --report $out/digits.html
line "error by layer, as a page" "$out/digits.html   ($(grep '^most error' "$out/last.txt"))"

echo
echo "== ResNet-18, 1x3x224x224, built in C with made weights (tests/models/resnet.c) =="
echo "ResNet-18" >>$out/table.txt
timed $build/tests/models/build-model resnet18 $out/resnet18.gfb
line "build" "$seconds s, $(size $out/resnet18.gfb)"
timed $build/tests/models/build-model input $out/input.npy
timed $opt $out/resnet18.gfb --passes to-eval -o $out/resnet18.float.gfb
timed $ir_run $out/resnet18.float.gfb --input x=$out/input.npy --output-dir $out/float
line "float inference, one image" "$seconds s"
timed $opt $out/resnet18.gfb --passes 'prepare-qat{quantizer=xnnpack,per-channel=true}' -o $out/resnet18.qat.gfb
line "prepare-qat" "$seconds s"
timed $ir_run $out/resnet18.qat.gfb --input x=$out/input.npy -o $out/resnet18.calibrated.gfb
line "statistics, one step" "$seconds s"
timed $opt $out/resnet18.calibrated.gfb --passes to-eval,convert --timing -o $out/resnet18.int8.gfb
line "convert" "$seconds s, $(size $out/resnet18.int8.gfb)"
timed $ir_run $out/resnet18.int8.gfb --input x=$out/input.npy --output-dir $out/int8
line "int8 inference (q/dq), one image" "$seconds s"
timed $opt $out/resnet18.int8.gfb --passes lower --stats -o $out/resnet18.integers.gfb
line "lower" "$seconds s"
timed $ir_run $out/resnet18.integers.gfb --input x=$out/input.npy --output-dir $out/integers --timing
line "inference in integers, one image" "$seconds s"

for name in resnet18 mobilenet_v2; do
  onnx=../shared/models/$name.onnx
  [ -f $onnx ] || continue
  echo
  echo "== $name as ONNX against the one built in C =="
  timed $build/tests/models/compare-models $name $onnx ../shared/models/$name.logits.npy
  line "$name.onnx" "$(tail -n 1 "$out/last.txt")"
done

echo
cat $out/table.txt
