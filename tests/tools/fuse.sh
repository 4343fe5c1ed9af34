#!/bin/sh
# A network fused by the names of its modules computes what it did, and all of them train with their batch norms.
# usage: fuse.sh IR_OPT IR_RUN digits|resnet18 MODEL.onnx
opt=$1 run=$2 network=$3 model=$4
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
fail() { echo "FAIL $network: $*"; cat "$dir/log"; exit 1; }

if [ "$network" = digits ]; then
  modules='features.9,features.10,features.11;features.0,features.1,features.2;features.3,features.4,features.5;features.6,features.7,features.8'
  count=4
else
  modules='conv1,bn1,relu'
  for l in 1 2 3 4; do
    for b in 0 1; do
      n=layer$l.$b
      modules="$modules;$n.conv1,$n.bn1,$n.relu;$n.conv2,$n.bn2"
    done
    [ $l = 1 ] || modules="$modules;layer$l.0.downsample.0,layer$l.0.downsample.1"
  done
  count=20
fi

$opt "$model" --passes to-eval -o "$dir/float.gfb" 2>"$dir/log" || fail "to-eval"
for how in "modules=\"$modules\"" auto=true; do
  $opt "$dir/float.gfb" --passes "fuse-modules{$how}" --stats -o "$dir/fused.gfb" 2>"$dir/log" || fail "fuse-modules{$how}"
  grep -q " $count  by the rule fold_conv_bn" "$dir/log" || fail "not $count batch norms are folded"
  $run "$dir/float.gfb" --compare "$dir/fused.gfb" --random 1 >"$dir/log" 2>&1 || fail "does not run"
  awk '$1 == "y" { found = $3 + 0 >= 100 || $3 == "equal" } END { exit !found }' "$dir/log" || fail "outputs are not within 100 dB"
  $opt "$model" --passes "fuse-modules{$how,qat=true,per-channel=true}" --stats -o "$dir/qat.gfb" 2>"$dir/log" || fail "qat"
  grep -q " $count  by the rule fuse_conv_bn_qat" "$dir/log" || fail "not $count convolutions train with their batch norm"
done
