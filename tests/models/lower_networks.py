#!/usr/bin/env python3
"""Networks lowered to integer ops by the commands: none of their layers stays in float, and the integer form gives what the converted
one does. Standard library only.

usage: lower_networks.py BUILD MODEL.onnx[:INPUT.npy]... [--digits DIR] [-v]

Each model is prepared (extended, per channel), takes one step, is converted and lowered; without INPUT.npy its input is made by formula.
Single steps that differ spread in a network, as they do between two machines: what is asked is that the integer form is as near to the float
network as the converted one, up to TOLERANCE dB. --digits: the folder of the digits network, which has to keep convert's accuracy.
"""
import argparse, array, math, os, re, struct, subprocess, sys, tempfile

TOLERANCE = 1.0
# Layers that have no integer form; anything else left in float is a failure.
NO_FORM = ("lstm", "gru", "rnn", "batch_norm")


class Fail(Exception):
    pass


def command(*args):
    done = subprocess.run(args, capture_output=True, text=True, errors="replace", timeout=900)
    if done.returncode:
        said = [l for l in done.stderr.splitlines() if "error:" in l] or ["no message"]
        raise Fail(f"{os.path.basename(args[0])} ends with {done.returncode}: {said[0][:200]}")
    return done


def floats(path):
    with open(path, "rb") as f:
        data = f.read()
    start = 10 + struct.unpack("<H", data[8:10])[0]
    if b"'<f4'" not in data[:start]:
        return None
    return array.array("f", data[start:])


def write_input(path, shape):
    header = repr({"descr": "<f4", "fortran_order": False, "shape": tuple(shape)}).encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    state, values = 1, array.array("f")
    for _ in range(math.prod(shape)):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        values.append((state >> 40) / 2**23 - 1)
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + values.tobytes())


def left_in_float(said):
    rows = re.findall(r"(\w+) in float: (.*)", said[said.index("count-integers") :])
    return [f"{op}: {why}" for op, why in rows if op not in NO_FORM]


def quantize(opt, run, model, inputs, d, settings):
    command(opt, model, "--passes", "to-eval", "-o", f"{d}/float.gfb")
    command(opt, f"{d}/float.gfb", "--passes", f"prepare{{{settings}}}", "-o", f"{d}/prepared.gfb")
    command(run, f"{d}/prepared.gfb", *inputs, "-o", f"{d}/stepped.gfb")
    command(opt, f"{d}/stepped.gfb", "--passes", "convert", "-o", f"{d}/int8.gfb")
    said = command(opt, f"{d}/int8.gfb", "--passes", "lower", "--stats", "-o", f"{d}/lowered.gfb").stderr
    command(opt, f"{d}/lowered.gfb", "--passes", "lower", "-o", f"{d}/again.gfb")
    with open(f"{d}/lowered.gfb", "rb") as f, open(f"{d}/again.gfb", "rb") as g:
        if f.read() != g.read():
            raise Fail("lowering again changes it")
    return said


def outputs(run, module, inputs, out):
    command(run, module, *inputs, "--output-dir", out)
    return {f: floats(f"{out}/{f}") for f in sorted(os.listdir(out))}


def ratio(want, got):
    signal = sum(w * w for k in want if want[k] for w in want[k])
    noise = sum((w - g) ** 2 for k in want if want[k] for w, g in zip(want[k], got.get(k) or []))
    return 10 * math.log10(signal / noise) if noise > 0 else math.inf


def check(opt, run, spec, verbose):
    model, _, path = spec.partition(":")
    with tempfile.TemporaryDirectory() as d:
        name, shape = re.search(r'^graph .*?\(%("?)(.*?)\1: f32\[([\d, ?]*)\]', command(opt, model).stdout, re.M).groups()[1:]
        if not path:
            path = f"{d}/x.npy"
            write_input(path, [1 if n.strip() == "?" else int(n) for n in shape.split(",")])
        inputs = ["--input", f"{name}={path}"]
        left = left_in_float(quantize(opt, run, model, inputs, d, "per-channel=true,extended=true,weight-eps=1.2e-7"))
        want, converted, lowered = (outputs(run, f"{d}/{m}.gfb", inputs, f"{d}/{m}") for m in ("float", "int8", "lowered"))
    between, before, after = ratio(converted, lowered), ratio(want, converted), ratio(want, lowered)
    if verbose:
        print(f"{model}: converted {before:.1f} dB, lowered {after:.1f} dB, {between:.1f} dB between them")
    if left:
        raise Fail("; ".join(left))
    if want.keys() != lowered.keys() or not after >= before - TOLERANCE:
        raise Fail(f"converted {before:.1f} dB, lowered {after:.1f} dB")


def check_digits(opt, run, folder, verbose):
    test = ["--input", f"x={folder}/digits.test.x.npy", "--batch", "1", "--labels", f"{folder}/digits.test.y.npy"]
    with tempfile.TemporaryDirectory() as d:
        train = ["--input", f"x={folder}/digits.train.x.npy"]
        left = left_in_float(quantize(opt, run, f"{folder}/digits.onnx", train, d, "per-channel=true"))
        said = [command(run, f"{d}/{m}.gfb", *test).stdout for m in ("int8", "lowered")]
    if verbose:
        print("digits:", *said)
    if left:
        raise Fail("; ".join(left))
    if "accuracy" not in said[0] or said[0] != said[1]:
        raise Fail(f"converted: {said[0]!r}, lowered: {said[1]!r}")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("build")
    p.add_argument("models", nargs="*")
    p.add_argument("--digits")
    p.add_argument("-v", action="store_true")
    a = p.parse_args()
    opt, run = f"{a.build}/tools/ir-opt", f"{a.build}/tools/ir-run"
    checks = [(m, lambda m=m: check(opt, run, m, a.v)) for m in a.models if os.path.exists(m.partition(":")[0])]
    if a.digits:
        checks.append(("digits", lambda: check_digits(opt, run, a.digits, a.v)))
    failed = 0
    for name, one in checks:
        try:
            one()
        except Fail as e:
            failed += 1
            print(f"FAIL {name}: {e}", flush=True)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0 if checks else 77


if __name__ == "__main__":
    sys.exit(main())
