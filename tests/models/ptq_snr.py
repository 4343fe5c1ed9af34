#!/usr/bin/env python3
"""Post-training quantization of networks that are stored with inputs and float results: the signal to noise ratio of what convert
makes, in dB, and how many layers stay in float. Standard library only.

usage: ptq_snr.py BUILD CASES [GLOB] [OPTIONS-OF-PREPARE]

A case is a folder with model.onnx, in.INPUT.npy, out.OUTPUT.npy. Calibrated on the stored inputs; measured on them, over all float outputs.
"""
import fnmatch, json, math, os, re, struct, subprocess, sys, tempfile

CODES = {"<f4": "f", "<f8": "d"}

def floats(path):
    with open(path, "rb") as f: data = f.read()
    start = 10 + struct.unpack("<H", data[8:10])[0]
    descr = re.search(rb"'descr': '([^']*)'", data[:start]).group(1).decode()
    if descr not in CODES: return []
    size = int(descr[2:])
    return struct.unpack(f"<{(len(data) - start) // size}{CODES[descr]}", data[start:])

def safe(name): return re.sub(r"[^A-Za-z0-9._-]", "_", name)

def input_names(model, opt):
    """Inputs by the names that their files have."""
    text = subprocess.run([opt, model], check=True, capture_output=True, text=True).stdout
    head = re.search(r"^graph .*", text, re.M).group()
    names = re.findall(r'%("(?:[^"\\]|\\.)*"|[\w.$/-]+):', head)
    return {safe(n): n for n in (json.loads(n) if n[0] == '"' else n for n in names)}

def snr(case, build, options):
    files = sorted(os.listdir(case))
    names = input_names(f"{case}/model.onnx", f"{build}/tools/ir-opt")
    inputs = [a for f in files if f.startswith("in.") for a in ("--input", f"{names.get(f[3:-4], f[3:-4])}={case}/{f}")]
    with tempfile.TemporaryDirectory() as d:
        def run(*args): return subprocess.run(args, check=True, capture_output=True, text=True).stderr
        run(f"{build}/tools/ir-opt", f"{case}/model.onnx", "--passes", f"prepare{{{options}}}", "-o", f"{d}/p.gfb")
        run(f"{build}/tools/ir-run", f"{d}/p.gfb", *inputs, "-o", f"{d}/c.gfb")
        said = run(f"{build}/tools/ir-opt", f"{d}/c.gfb", "--passes", "convert", "-o", f"{d}/q.gfb")
        run(f"{build}/tools/ir-run", f"{d}/q.gfb", *inputs, "--output-dir", d)
        signal = noise = 0.0
        for f in files:
            if not f.startswith("out."): continue
            want, got = floats(f"{case}/{f}"), floats(f"{d}/{f[4:-4]}.0.npy")
            if len(want) != len(got): raise ValueError(f"{f}: another size")
            signal += sum(w * w for w in want)
            noise += sum((w - g) ** 2 for w, g in zip(want, got))
    left = re.search(r"(\d+) of \d+ layers that compute stay in float", said)
    ratio = 10 * math.log10(signal / noise) if signal > 0 and noise > 0 else math.inf if signal > 0 else math.nan
    return ratio, left.group(0) if left else "nothing in float"

build, cases, glob = sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "*"
options = sys.argv[4] if len(sys.argv) > 4 else "per-channel=true,extended=true"
bad = 0
for name in sorted(os.listdir(cases)):
    if not fnmatch.fnmatch(name, glob) or not os.path.exists(f"{cases}/{name}/model.onnx"): continue
    try:
        ratio, left = snr(f"{cases}/{name}", build, options)
        print(f"{name:30} {ratio:6.1f} dB  {left}")
    except (subprocess.CalledProcessError, ValueError, FileNotFoundError) as e:
        bad += 1
        print(f"{name:30} {str(getattr(e, 'stderr', None) or e).strip().splitlines()[0][:120]}")
sys.exit(bad != 0)
