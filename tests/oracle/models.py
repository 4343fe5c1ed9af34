#!/usr/bin/env python3
"""ResNet-18 and MobileNetV2 down the road, against torchao's results. Standard library only.

usage: models.py BUILD MODELS [NAME...]     MODELS holds NAME.onnx and NAME.pt2e.*

Deep networks amplify single roundings, so outputs are compared by signal-to-noise ratio (PyTorch against itself, the input scaled
by 1 + 1e-6, gives 33 dB on ResNet-18 and 19 dB on MobileNetV2), scales by their median error, op counts exactly. Two training
steps, then the test input in evaluation mode, which the observers see too, then convert.
"""
import json, math, os, re, statistics, subprocess, sys, tempfile

# Both lie beside the repository or neither does: a clone that stands alone has nothing to compare with.
ORACLE = os.path.join(sys.argv[2], "..", "oracle")
for needed in os.path.join(ORACLE, "check.py"), os.path.join(sys.argv[2], "resnet18.onnx"):
    if not os.path.exists(needed):
        print(f"skipped: there is no {needed}")
        sys.exit(77)
sys.path.insert(0, ORACLE)
from check import Npy, DTYPES

WORST_DB = {"resnet18": 27.0, "mobilenet_v2": 14.0}
SAME = {"add_": "add", "relu_": "relu", "hardtanh_": "hardtanh", "mul_": "mul"}
COUNTED = re.compile(r"(conv2d|linear|batch_norm|add|relu|hardtanh|adaptive_avg_pool2d|(de)?quantize_per_(tensor|channel))$")

def run(*args):
    p = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if p.returncode: sys.exit(f"{' '.join(args)}: exit {p.returncode}: {p.stderr.decode(errors='replace')[-400:]}")
    return p.stdout

def decibels(got, want):
    noise = sum((a - b) ** 2 for a, b in zip(got.data, want.data))
    signal = sum(b * b for b in want.data)
    return 10 * math.log10(signal / noise) if noise else math.inf

def make_inputs(opt, folder):
    text = "graft 1\n" + "".join(f'tensor %"{n}": f32[1, 3, 224, 224] constant = fill("{n}", -2.1, 2.6)\n' for n in ("input", "input.0", "input.1"))
    path = os.path.join(folder, "inputs.gir")
    with open(path, "w") as f: f.write(text + "graph main(%x: f32[1]) {\n  return %x\n}\n")
    run(opt, path, "--export-state", folder)

def outputs(runner, module, folder, inputs, name, state=None):
    out = os.path.join(folder, name)
    run(runner, module, "--input", "x=" + ",".join(os.path.join(folder, i + ".npy") for i in inputs), "--output-dir", out,
        *(["-o", state] if state else []))
    return [Npy(os.path.join(out, f"y.{i}.npy")) for i in range(len(inputs))]

def counts(ops):
    total = {}
    for op, n in ops: total[SAME.get(op, op)] = total.get(SAME.get(op, op), 0) + n
    return {k: v for k, v in total.items() if COUNTED.match(k)}

def scales_of(opt, module, folder, channels):
    """Scales by op and dtype, sorted; of per-channel ones the first `channels`."""
    graph = json.loads(run(opt, module, "--emit", "json"))["graphs"][0]
    run(opt, module, "--export-state", os.path.join(folder, "state"), "-o", os.path.join(folder, "scratch.gfb"))
    found = {}
    for n in graph["nodes"]:
        if not re.fullmatch(r"(de)?quantize_per_(tensor|channel)", n["op"]): continue
        if n["op"].endswith("tensor"): s = [float(n["attrs"]["scale"])]
        else: s = list(Npy(os.path.join(folder, "state", re.sub(r"[^A-Za-z0-9._-]", "_", n["inputs"][1]) + ".npy")).data)[:channels]
        found.setdefault((n["op"], str(n["attrs"]["dtype"])), []).append(s)
    return graph, found

def wanted_scales(qdq):
    found = {}
    for q in qdq:
        tensor = q["op"].endswith("tensor")
        found.setdefault((q["op"], DTYPES[q["args"][4 if tensor else 5]]), []).append([q["args"][0]] if tensor else list(q["args"][0]))
    return found

def check(opt, runner, models, name, granularity, formula, folder):
    base = os.path.join(models, f"{name}.pt2e.{granularity}")
    tag = base if formula == "trained" else base + ".observer"
    if not os.path.exists(tag + ".json"): return None
    want = json.load(open(tag + ".json"))
    prepared, trained, evaluating, seen, converted = (os.path.join(folder, f + ".gfb") for f in "prepared trained evaluating seen converted".split())
    run(opt, os.path.join(models, name + ".onnx"), "--passes",
        f"prepare-qat{{quantizer=xnnpack,per-channel={'true' if granularity == 'channel' else 'false'}}}", "-o", prepared)
    steps = outputs(runner, prepared, folder, ["input.0", "input.1"], "train", trained)
    db = [decibels(y, Npy(f"{base}.prepared.y.{i}.npy")) for i, y in enumerate(steps)]
    run(opt, trained, "--passes", "to-eval", "-o", evaluating)
    db.append(decibels(outputs(runner, evaluating, folder, ["input"], "eval", seen)[0], Npy(f"{base}.eval.y.npy")))
    run(opt, seen, "--passes", "convert" + ("" if formula == "trained" else "{qparams=observer}"), "-o", converted)
    graph, got = scales_of(opt, converted, folder, 8)
    have, expected = counts((n["op"], 1) for n in graph["nodes"]), counts(want["ops"].items())
    if have != expected: return f"ops {have}, expected {expected}"
    errors = []
    for key, lists in wanted_scales(want["qdq"]).items():
        if len(got.get(key, [])) != len(lists): return f"{len(got.get(key, []))} {key}, expected {len(lists)}"
        for a, b in zip(sorted(got[key]), sorted(lists)): errors += [abs(x - y) / y for x, y in zip(a, b)]
    median = statistics.median(errors)
    db.append(decibels(outputs(runner, converted, folder, ["input"], "test")[0], Npy(tag + ".quant.y.npy")))
    print(f"{name} {granularity} {formula}: scales {100 * median:.3f}% (median), outputs {', '.join(f'{d:.1f}' for d in db)} dB")
    if median >= 0.01: return "the scales are further off than 1%"
    return "the outputs are too noisy" if min(db) < WORST_DB[name] else None

def main():
    build, models = sys.argv[1], sys.argv[2]
    opt, runner = os.path.join(build, "tools", "ir-opt"), os.path.join(build, "tools", "ir-run")
    failed = 0
    for name in sys.argv[3:] or list(WORST_DB):
        for granularity in ("channel", "tensor"):
            for formula in ("trained", "observer"):
                with tempfile.TemporaryDirectory(prefix="graft-models-") as folder:
                    make_inputs(opt, folder)
                    why = check(opt, runner, models, name, granularity, formula, folder)
                    if why: print(f"FAIL {name} {granularity} {formula}: {why}")
                    failed += why is not None
    print(f"{failed} failed")
    return failed > 0

if __name__ == "__main__": sys.exit(main())
