#!/bin/sh
# A float network against all that becomes of it: prepared, converted, lowered, spelled out, and the ONNX file of each, read
# back. Every layer is found, of each stage what there is to be said is said, and the numbers are plausible.
# usage: pairs.sh IR_OPT IR_RUN DATA [NETWORKS]
opt=$(realpath "$1") run=$(realpath "$2") data=$(realpath "$3") networks=${4:-}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0
fail() { echo "FAIL $1"; sed 's/^/     /' err; failed=$((failed + 1)); }
must() { "$@" >out 2>err </dev/null || fail "$*"; }

# stages NET.onnx INPUT...: each file that becomes of it
stages() {
  net=$1
  shift
  must "$opt" "$net" --passes to-eval -o float.gfb
  must "$opt" "$net" --passes 'prepare-qat{quantizer=xnnpack,per-channel=true}' -o qat.gfb
  must "$run" qat.gfb "$@" -o trained.gfb
  must "$opt" trained.gfb --passes to-eval -o prepared.gfb
  must "$opt" trained.gfb --passes to-eval,convert -o converted.gfb
  must "$opt" converted.gfb --passes lower -o lowered.gfb
  must "$opt" converted.gfb --passes 'lower{reference=true}' -o spelled_out.gfb
  for stage in float converted lowered; do must "$opt" $stage.gfb -o $stage.onnx; done
  rm -f spelled_out.onnx
  "$opt" spelled_out.gfb -o spelled_out.onnx >out 2>err || grep -q "ONNX has no op" err || fail "spelled out, as ONNX"
  "$opt" prepared.gfb -o prepared.onnx >out 2>err && fail "observers went out as ONNX"
  grep -q "convert" err || fail "observers: the error does not say what mends it"
}

# compare B CHECK INPUT...: b against the float network, and what a script of python3 has to say of it
compare() {
  file=$1 check=$2
  shift 2
  "$run" float.gfb --compare "$file" "$@" --json pair.json >out 2>err </dev/null || fail "compare $file"
  python3 "$check" "$file" 2>err || fail "$what: $file"
}

# all INPUT...: each of them
all() {
  check=$1
  shift
  for file in float.onnx prepared.gfb converted.gfb converted.onnx lowered.gfb lowered.onnx spelled_out.gfb spelled_out.onnx; do
    [ ! -e $file ] || compare $file "$check" "$@"
  done
}

cat >every.py <<'PY'
import json, sys
stage = sys.argv[1].split(".")[0]
r = json.load(open("pair.json"))
assert r["layers"] and all(l["error"]["snr"] is not None for l in r["layers"]), "a row without numbers"
missed = {m["what"]: m for m in r["missed"]}
assert "layers" not in missed, missed
assert ("weights" in missed) == (stage == "spelled_out"), missed
assert bool(r["weights"]) == (stage in ("converted", "lowered")), r["weights"]
assert any(l.get("quantized", {}).get("fitted") for l in r["layers"]) == (stage == "spelled_out")
# what is quantized is off by half a step of its own where nothing is clipped, and weights were clipped by nobody
least = 100 if stage == "float" else 10
assert all(l["error"]["snr"] == "inf" or l["error"]["snr"] > least for l in r["layers"]), [l["error"]["snr"] for l in r["layers"]]
PY
cat >digits.py <<'PY'
import sys
exec(open("every.py").read())
found = [l["a"] for l in r["layers"]]
wanted = ["/features/features.%d/Relu_output_0" % i for i in (2, 5, 8, 11)] + ["/pool/GlobalAveragePool_output_0", "y"]
if stage not in ("lowered", "spelled_out"):  # there batch norm and relu are one op
    wanted += ["/features/features.%d/BatchNormalization_output_0" % i for i in (1, 4, 7, 10)]
assert set(wanted) <= set(found) and found[-1] == "y", found
assert stage == "float" or 22 < r["layers"][-1]["error"]["snr"] < 30, r["layers"][-1]
weights = {w["name"]: w for w in r["weights"]}
if weights:
    assert sorted(weights) == ["fc.weight"] + ["features.%d.weight" % i for i in (0, 3, 6, 9)], weights
    assert weights["fc.weight"]["error"]["steps"] <= 0.5 and weights["fc.weight"]["error"]["snr"] > 40, weights
    # the others follow statistics that training has moved
    assert all(w["channels"] in (10, 16, 32, 64) and w["worst_snr"] > 15 for w in weights.values()), weights
PY

what=digits
stages "$data/digits.onnx" --input "x=$data/digits.train.x.npy" --batch 32
all digits.py --input "x=$data/digits.test.x.npy" --batch 60
for name in mobilenetv2.eval17 unet_bilinear.eval17; do
  what=$name
  [ -e "$networks/$name" ] || { echo "skipped: no $name"; continue; }
  stages "$networks/$name/model.onnx" --input "x=$networks/$name/in.x.npy"
  all every.py --input "x=$networks/$name/in.x.npy"
done
[ $failed = 0 ]
