#!/bin/sh
# ir-diff: what differs is counted, and the exit status says whether anything does. usage: ir_diff.sh IR_DIFF
diff=$(realpath "$1")
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0

fail() { echo "FAIL $1"; sed 's/^/     /' out err; failed=$((failed + 1)); }

# expect STATUS WHAT ARGUMENTS...: standard output in `out`, standard error in `err`
expect() {
  want=$1 what=$2
  shift 2
  "$diff" "$@" >out 2>err </dev/null
  got=$?
  [ "$got" = "$want" ] || fail "$what: exit status $got, expected $want"
}
said() { grep -q -e "$1" err || fail "$2: standard error lacks '$1'"; }
printed() { grep -q -e "$1" out || fail "$2: standard output lacks '$1'"; }
not_printed() { ! grep -q -e "$1" out || fail "$2: standard output has '$1'"; }

# x in steps of 1, w is 0.5 in each: sums of two lie between two steps when they are odd.
cat >int8.gir <<'GIR'
graft 1
tensor %w: i8[2, 2] parameter = [1, 1, 1, 2]
tensor %s: f32[] constant = 1.0
tensor %sw: f32[] constant = 0.5
tensor %z: i32[] constant = 0
graph main(%x: f32[?, 2]) {
  %q = quantize_per_tensor(%x, %s, %z) {quant_min: -128, quant_max: 127, dtype: i8}: i8[?, 2]
  %d = dequantize_per_tensor(%q, %s, %z) {quant_min: -128, quant_max: 127, dtype: i8}: f32[?, 2]
  %dw = dequantize_per_tensor(%w, %sw, %z) {quant_min: -128, quant_max: 127, dtype: i8}: f32[2, 2]
  %fc = linear(%d, %dw): f32[?, 2]
  %qy = quantize_per_tensor(%fc, %s, %z) {quant_min: -128, quant_max: 127, dtype: i8}: i8[?, 2]
  %dy = dequantize_per_tensor(%qy, %s, %z) {quant_min: -128, quant_max: 127, dtype: i8}: f32[?, 2]
  %y = mul(%dy, 3.0): f32[?, 2]
  return %y
}
GIR
sed 's/3.0/4.0/' int8.gir >other.gir
sed 's/return %y/return %y as "z"/; s/%y = mul(%dy, 3.0)/%y = sub(%dy, 3.0)/; s/%y\b/%other/' int8.gir >renamed.gir

# -- usage
expect 2 "no module"
said "A is missing" "no module"
expect 2 "three modules" int8.gir int8.gir int8.gir
expect 2 "no number" int8.gir --random one
expect 2 "no such option" int8.gir --compare int8.gir
expect 2 "standard input twice" - --random 1
said "name B" "standard input twice"
expect 2 "a module that is not there" int8.gir none.gir --random 1
said "none.gir" "a module that is not there"
expect 2 "an input is missing" int8.gir
said "neither --input nor --random" "an input is missing"
expect 2 "an unknown pass" int8.gir --passes-b loewr --random 1
said "lower" "an unknown pass"
expect 2 "a file that cannot be written" int8.gir --random 1 --json none/d.json

# -- equal
expect 0 "itself" int8.gir --random 1 --extent 8
printed "^0 of 3 layers differ in 1 step$" "itself"
not_printed "elements" "itself: no rows"
expect 0 "itself, all rows" int8.gir int8.gir --random 1 --extent 8 --steps 2 --all
printed "^fc  *linear  *32  *0  *-  *0  *-$" "itself, all rows"
expect 0 "lowered: what the float graph gives" int8.gir --passes-b lower --random 1 --extent 50
expect 0 "lowered: its reference form" int8.gir --passes-a lower --passes-b 'lower{reference=true}' --random 1 --extent 50 --all
printed "^fc  *to  *100  *0" "lowered: its reference form"
not_printed "^not compared" "lowered: its reference form"

# -- different: halves go to the even number, or up
expect 1 "modes" int8.gir --passes-a lower --passes-b 'lower{requantize=single_rounding}' --random 1 --extent 50 --json d.json
printed "^fc  *quantized.linear  *100  *[1-9][0-9]*  *1.00 step  *[1-9][0-9]*  *1.00 step$" "modes"
printed "^y  *mul  *100  *[1-9][0-9]*  *3  *0  *-$" "modes: what is only inherited"
printed "^2 of 3 layers differ in 1 step, first fc$" "modes"
grep -q '"own_differing"' d.json || fail "modes: counts for scripts"
expect 1 "another factor" int8.gir other.gir --random 1 --extent 50
printed "^1 of 3 layers differ in 1 step, first y$" "another factor"
expect 2 "a result that the other has not" int8.gir renamed.gir --random 1
said "result z: not compared" "a result that the other has not"
"$diff" int8.gir --random 1 --extent 4 >/dev/full 2>err
[ $? = 2 ] || fail "what could not be printed"

[ $failed = 0 ] && echo "all as expected"
[ $failed = 0 ]
