#!/bin/sh
# Scales, zero points and integers that cannot be are errors that name the node: in convert, in lower, in a run of the q/dq form, of integer
# ops, and of what came in as ONNX. Nothing is written. usage: bad_qparams.sh IR_OPT IR_RUN
opt=$(realpath "$1") run=$(realpath "$2")
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0

fail() { echo "FAIL $1"; sed 's/^/     /' err; failed=$((failed + 1)); }

# refuses WHAT NODE MESSAGE COMMAND...
refuses() {
  what=$1 node=$2 message=$3
  shift 3
  rm -f out.gfb
  "$@" >out 2>err </dev/null
  got=$?
  [ "$got" = 1 ] || fail "$what: exit status $got, expected 1"
  grep -q -e "error: $node: \(V22: \)\{0,1\}$message" err || fail "$what: standard error lacks 'error: $node: $message'"
  [ ! -e out.gfb ] || fail "$what: out.gfb was written"
}
accepts() {
  what=$1
  shift
  "$@" >out 2>err </dev/null || fail "$what: exit status $?, expected 0"
}

# Q(conv(DQ(x), DQ(w)) + b) with one number changed: module XSCALE XZERO WSCALE WZERO YSCALE YZERO WEIGHT
module() {
  cat <<GIR
graft 1
tensor %w: i8[1, 1, 2] constant = [$7, 3]
tensor %b: f32[1] constant = [0.5]
tensor %sw: f32[1] constant = [$3]
tensor %zw: i32[1] constant = [$4]
graph main(%x: f32[1, 1, 4]) {
  %qx = quantize_per_tensor(%x, $1, $2: i32)
  %dx = dequantize_per_tensor(%qx, $1, $2: i32)
  %dw = dequantize_per_channel(%w, %sw, %zw) {axis: 0, quant_min: -127}
  %conv = conv1d(%dx, %dw, %b)
  %qy = quantize_per_tensor(%conv, $5, $6: i32)
  %y = dequantize_per_tensor(%qy, $5, $6: i32)
  return %y
}
GIR
}
# The same as the integer op: integer XSCALE XZERO WSCALE WZERO YSCALE YZERO
integer() {
  cat <<GIR
graft 1
tensor %w: i8[1, 1, 2] constant = [1, 3]
tensor %sw: f32[1] constant = [$3]
tensor %zw: i32[1] constant = [$4]
graph main(%x: i8[1, 1, 4]) {
  %y = quantized.conv1d(%x, %w, _, $1, $2: i32, %sw, %zw, $5, $6: i32)
  return %y
}
GIR
}

module 0.1 3 0.2 0 0.3 -5 7 >good.gir
accepts "good numbers" "$opt" good.gir --passes lower -o good.gfb
accepts "good numbers" "$run" good.gfb --random 1
rm -f good.gfb

for s in 0.0 -0.1 nan inf 1e-40; do
  said=$(printf '%s' "$s" | sed 's/0\.0/0/; s/1e-40/[0-9.]*e-4[01]/')
  module "$s" 3 0.2 0 0.3 -5 7 >x.gir
  module 0.1 3 "$s" 0 0.3 -5 7 >w.gir
  module 0.1 3 0.2 0 "$s" -5 7 >y.gir
  for place in x:qx w:dw y:qy; do
    file=${place%:*}.gir node=${place#*:}
    refuses "a scale of $s, convert" "$node" "scale is $said, not a normal number above 0" "$opt" "$file" --passes convert -o out.gfb
    refuses "a scale of $s, lower" "$node" "scale is $said, not a normal number above 0" "$opt" "$file" --passes lower -o out.gfb
    refuses "a scale of $s, run" "$node" "scale is $said, not a normal number above 0" "$run" "$file" --random 1
    rm -f in.onnx
    "$opt" "$file" -o in.onnx 2>err || continue # the writer may refuse it too
    refuses "a scale of $s, from ONNX" ".*" "scale is $said, not a normal number above 0" "$run" in.onnx --random 1
  done
  integer "$s" 3 0.2 0 0.3 -5 >x.gir
  integer 0.1 3 "$s" 0 0.3 -5 >w.gir
  integer 0.1 3 0.2 0 "$s" -5 >y.gir
  for place in x:x_scale w:weight_scale y:y_scale; do
    file=${place%:*}.gir name=${place#*:}
    refuses "an integer op's $name of $s, run" y "$name is $said, not a normal number above 0" "$run" "$file" --random 1
    refuses "an integer op's $name of $s, lower" y "$name is $said, not a normal number above 0" "$opt" "$file" --passes lower -o out.gfb
  done
done

module 0.1 128 0.2 0 0.3 -5 7 >x.gir
module 0.1 3 0.2 -129 0.3 -5 7 >w.gir
module 0.1 3 0.2 0 0.3 2147483647 7 >y.gir
for place in x:qx:128 w:dw:-129 y:qy:2147483647; do
  file=${place%%:*}.gir zero=${place##*:} node=${place#*:} && node=${node%:*}
  refuses "a zero point of $zero, convert" "$node" "zero_point is $zero, no i8" "$opt" "$file" --passes convert -o out.gfb
  refuses "a zero point of $zero, lower" "$node" "zero_point is $zero, no i8" "$opt" "$file" --passes lower -o out.gfb
  refuses "a zero point of $zero, run" "$node" "zero_point is $zero, no i8" "$run" "$file" --random 1
done
integer 0.1 128 0.2 0 0.3 -5 >x.gir
refuses "an integer op's zero point, run" y "x_zero_point is 128, not from -128 to 127" "$run" x.gir --random 1
refuses "an integer op's zero point, lower" y "x_zero_point is 128, not from -128 to 127" "$opt" x.gir --passes lower -o out.gfb

# -- a weight of -128 where -127 is said to be the least: an error; the run takes integers as they are
module 0.1 3 0.2 0 0.3 -5 -128 >low.gir
refuses "a weight of -128, convert" dw "element 0 of 'w' is outside of the range -127 to 127" "$opt" low.gir --passes convert -o out.gfb
refuses "a weight of -128, lower" dw "element 0 of 'w' is outside of the range -127 to 127" "$opt" low.gir --passes lower -o out.gfb
accepts "a weight of -128, run" "$run" low.gir --random 1

# -- float weights beyond the range are clipped to it, which convert says; NaN and infinity are errors
prepared() {
  cat <<GIR
graft 1
tensor %w: f32[1, 1, 2] parameter = [$1, 3.0]
tensor %s: f32[1] constant = [$2]
tensor %z: i32[1] constant = [$3]
graph main(%x: f32[1, 1, 4]) {
  %fw = fake_quantize(%w, %s, %z) {quant_min: -127, quant_max: 127, axis: 0}
  %y = conv1d(%x, %fw)
  return %y
}
GIR
}
prepared -3.1 0.0236220472 0 >clipped.gir
accepts "a weight that is clipped" "$opt" clipped.gir --passes convert -o clipped.gfb
grep -q "warning: .*clip" err || fail "a weight that is clipped: no warning"
"$opt" clipped.gfb --no-provenance | grep -q 'i8\[1, 1, 2\] constant = \[-127, 127\]' || fail "a weight that is clipped is not -127"
for w in nan inf; do
  prepared "$w" 0.1 0 >weight.gir
  refuses "a weight of $w, convert" ".*" ".*NaN or infinite" "$opt" weight.gir --passes convert -o out.gfb
done
for s in 0.0 -0.1 nan inf 1e-40; do
  prepared 1.0 "$s" 0 >scale.gir
  refuses "a fake_quantize's scale of $s, convert" "[a-z_]*" ".*scale" "$opt" scale.gir --passes convert -o out.gfb
done
prepared 1.0 0.1 200 >zero.gir
refuses "a fake_quantize's zero point, convert" ".*" "zero_point is 200, no i8" "$opt" zero.gir --passes convert -o out.gfb

# -- a bias that 32 bits do not hold: in fixed point an error, else it is a float, or a sum of 64 bits
module 1e-6 3 1e-6 0 0.3 -5 7 >bias.gir
refuses "a bias beyond 32 bits, in fixed point" conv ".*which 32 bits do not hold" sh -c "'$opt' bias.gir --passes 'lower{requantize=gemmlowp}' -o fixed.gfb && '$run' fixed.gfb --random 1"
accepts "a bias beyond 32 bits, in floats" sh -c "'$opt' bias.gir --passes lower -o float.gfb && '$run' float.gfb --random 1"

[ $failed = 0 ] && echo "all as expected"
[ $failed = 0 ]
