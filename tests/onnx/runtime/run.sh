#!/bin/sh
# What graft writes runs in ONNX Runtime: run.sh SOURCE BUILD EXPORT CASES-FOLDER...
#
# The runtime is npm's onnxruntime-node, which comes with its library, installed into BUILD/onnxruntime once (no scripts are run).
# Without node, npm or network this says so and skips. Folders of cases that are not there are left out.
set -eu
source=$1 build=$2 export=$3
shift 3
here=$(dirname "$0") shared=$source/../shared
for program in node npm; do
  command -v $program >/dev/null || { echo "skipped: there is no $program"; exit 77; }
done
if [ ! -d "$build/onnxruntime/node_modules/onnxruntime-node" ]; then
  mkdir -p "$build/onnxruntime"
  npm install --ignore-scripts --no-audit --no-fund --prefix "$build/onnxruntime" onnxruntime-node@1.30.0 >"$build/onnxruntime/log" 2>&1 ||
    { echo "skipped: npm cannot install onnxruntime-node ($build/onnxruntime/log)"; exit 77; }
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cases=
for folder; do [ ! -d "$folder" ] || cases="$cases $folder"; done
# shellcheck disable=SC2086  # lists of words
"$export" -o "$dir" $cases
bad=0
# shellcheck disable=SC2086
node "$here/cases.js" "$build/onnxruntime" "$dir" $cases || bad=1
node "$here/integers.js" "$build/onnxruntime" "$build" "$source" "$shared/models/resnet18.onnx" "$shared/models/mobilenet_v2.onnx" \
  "$shared/networks/ppocr_det.npm/model.onnx:$shared/networks/ppocr_det.npm/in.x.npy" || bad=1
exit $bad
