#!/usr/bin/env python3
"""What cross-layer equalization and bias correction gain, by the commands. Standard library only.

usage: equalize_networks.py BUILD MODEL.onnx[:INPUT.npy]... [--within DB] [-v]

Into the float network scales of channels are put that change nothing which it computes: 4^u, u by the fill formula from -1 to 1, between
each two layers where the rule equalize_pair finds a place. With weights quantized per tensor the int8 network must lose by them, and have it back
after `equalize`: its signal to noise ratio against float must come within 1 dB of that of the network without them. The same network must lower to
integers, layer by layer, bounds of channels too. Correcting the biases of the network that was not equalized must give part of it back. Without INPUT.npy the input is IMAGES of noise. --within: another number of dB (equalizing what was
never out of balance costs a little).
"""
import argparse, os, re, sys, tempfile

sys.dont_write_bytecode = True
from lower_networks import Fail, command, left_in_float, outputs, ratio, write_input

IMAGES = 8
LOST = 3.0  # dB that they cost at least, or there is nothing to show
GAINED = 1.0  # dB that correcting biases gives back at least
FUNCTION = 90.0  # dB: that float networks compute the same
MASK = 2**64 - 1


def fill(name, i):
    """The fill formula's number from -1 to 1."""
    h = 0xCBF29CE484222325
    for c in name.encode():
        h = ((h ^ c) * 0x100000001B3) & MASK
    z = (h + i + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return 2 * ((z ^ (z >> 31)) >> 11) * 2.0**-53 - 1


def put_scales(opt, model, d):
    """The rule's scales begin as ones: others are written into the text. How many pairs there are."""
    command(opt, model, "--passes", "rewrite{rules=equalize_pair}", "--inline-data", "-o", f"{d}/pairs.gir")
    with open(f"{d}/pairs.gir") as f:
        text = f.read()

    def scales(m):
        return f"{m[1]}[{', '.join(repr(4.0 ** fill(m[1], i)) for i in range(int(m[2])))}]"

    text, pairs = re.subn(r"^(tensor %\S*equalize\S*: f32\[(\d+)\] buffer = )\[.*\]", scales, text, flags=re.M)
    with open(f"{d}/scales.gir", "w") as f:
        f.write(text)
    command(opt, f"{d}/scales.gir", "--passes", "rewrite{rules=equalize/fold},dce", "-o", f"{d}/scaled.gfb")
    return pairs


def quantize(opt, run, name, inputs, d, settings):
    command(opt, f"{d}/{name}.gfb", "--passes", f"prepare{{{settings}}}", "-o", f"{d}/prepared.gfb")
    command(run, f"{d}/prepared.gfb", *inputs, "-o", f"{d}/stepped.gfb")
    command(opt, f"{d}/stepped.gfb", "--passes", "convert", "-o", f"{d}/{name}.int8.gfb")
    return outputs(run, f"{d}/{name}.int8.gfb", inputs, f"{d}/{name}.out")


def check(opt, run, spec, within, verbose):
    model, _, path = spec.partition(":")
    with tempfile.TemporaryDirectory() as d:
        command(opt, model, "--passes", "to-eval,canonicalize,fold-conv-bn", "-o", f"{d}/plain.gfb")
        name, shape = re.search(r'^graph .*?\(%("?)(.*?)\1: f32\[([\d, ?]*)\]', command(opt, model).stdout, re.M).groups()[1:]
        if not path:
            path = f"{d}/x.npy"
            write_input(path, [IMAGES] + [int(n) for n in shape.split(",")[1:]])
        inputs = ["--input", f"{name}={path}", "--batch", "60" if shape.startswith("?") else "1"]
        want = outputs(run, f"{d}/plain.gfb", inputs, f"{d}/float")
        pairs = put_scales(opt, f"{d}/plain.gfb", d)
        said = command(opt, f"{d}/scaled.gfb", "--passes", "equalize", "--stats", "-o", f"{d}/equalized.gfb").stderr
        if int(re.search(r"(\d+)  pairs equalized", said)[1]) != pairs or not pairs:
            raise Fail(f"{pairs} pairs, but {said}")
        for other in ("scaled", "equalized"):
            same = ratio(want, outputs(run, f"{d}/{other}.gfb", inputs, f"{d}/{other}"))
            if same < FUNCTION:
                raise Fail(f"{other}: the float network computes something else: {same:.1f} dB")
        got = {n: ratio(want, quantize(opt, run, n, inputs, d, "extended=true")) for n in ("plain", "scaled", "equalized")}
        said = command(opt, f"{d}/equalized.int8.gfb", "--passes", "lower", "--stats", "-o", f"{d}/lowered.gfb").stderr
        got["lowered"] = ratio(want, outputs(run, f"{d}/lowered.gfb", inputs, f"{d}/lowered"))
        corrected = command(run, f"{d}/scaled.gfb", "--compare", f"{d}/scaled.int8.gfb", *inputs, "--correct-biases", f"{d}/corrected.gfb").stdout
        got["scaled, biases corrected"] = ratio(want, outputs(run, f"{d}/corrected.gfb", inputs, f"{d}/corrected"))
        floats = re.findall(r"= (?:clamp|hardtanh)\(.*: f32\[.*\] from", command(opt, f"{d}/lowered.gfb").stdout)
    text = f"{os.path.basename(model)}: " + ", ".join(f"{n} {v:.1f} dB" for n, v in got.items()) + f", {pairs} pairs"
    if verbose:
        print(text)
    if left_in_float(said) or floats:
        raise Fail(f"left in float: {left_in_float(said)} {floats}")
    if got["scaled"] > got["plain"] - LOST:
        raise Fail("the scales cost nothing: " + text)
    if not re.search(r"^[1-9]\d* biases corrected; left alone: 0 .*, 0 .*, 0 ", corrected, re.M) or got["scaled, biases corrected"] < got["scaled"] + GAINED:
        raise Fail(f"biases: {text}; {corrected.splitlines()[-1]}")
    if got["equalized"] < got["plain"] - within or got["lowered"] < got["plain"] - within:
        raise Fail(text)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("build")
    p.add_argument("models", nargs="+")
    p.add_argument("--within", type=float, default=1.0)
    p.add_argument("-v", action="store_true")
    a = p.parse_args()
    models = [m for m in a.models if os.path.exists(m.partition(":")[0])]
    failed = 0
    for m in models:
        try:
            check(f"{a.build}/tools/ir-opt", f"{a.build}/tools/ir-run", m, a.within, a.v)
        except Fail as e:
            failed += 1
            print(f"FAIL {m}: {e}", flush=True)
    print(f"{len(models) - failed} passed, {failed} failed")
    return 1 if failed else 0 if models else 77


sys.exit(main())
