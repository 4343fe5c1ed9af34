#!/usr/bin/env python3
"""Quantizes stored networks, after training or in training, the whole way by the two commands. Standard library only.

usage: quantize_networks.py BUILD CASES [--only GLOB[,GLOB]] [--skip GLOB[,GLOB]] [--settings NAME[,NAME]] [-v]

A case is a folder NAME.TAG with model.onnx, in.INPUT.npy, out.OUTPUT.npy (in float) and, of a network in training mode (train13),
after.TENSOR.npy: PyTorch's statistics after one step. With each setting it is prepared, takes a step with the stored input, is
converted and run. Results must be finite and have the float results' shapes; no layer may stay in float but where LEFT says
so, and the tables of layers and the warnings must agree; the signal to noise ratio against the float results must reach GOALS; and one step in training form with
fake-quantization switched off must give the statistics within 1e-5 of the largest. -v prints each ratio and what was warned of.
"""
import argparse, array, fnmatch, json, math, os, re, struct, subprocess, sys, tempfile

SETTINGS = {
    "xnnpack": "per-channel=true",
    "extended": "per-channel=true,extended=true",
    "small": "per-channel=true,extended=true,weight-eps=1.2e-7",
    "onednn": "quantizer=onednn",
}
# Settings of one case alone. The spectrogram ends in the logarithm of powers that span 80 dB. The sum of the squares and the matrix product
# after it, which would have it in 256 equal steps, stay in float; both convolutions do not.
OWN = {"oww_melspectrogram.npm": {"spectrum": 'per-channel=true,skip-name="Add_14,MatMul_15"'}}
# Case, setting, least ratio in dB. A ratio beyond 60 is no merit of the integers: the classifier's two logits are the ends of their own
# range, so that they are hit (61 dB), and softmax at 0.999 passes a thousandth of what is left on (107 dB); a sigmoid does the same.
# What is in the way of the detector: in its first layers a few channels reach ten times as far as the median one, and share its scale.
GOALS = [
    ("ppocr_det.npm", "small", 17),
    ("ppocr_cls.npm", "xnnpack", 40),
    ("ppocr_cls.npm", "extended", 40),
    ("oww_embedding.npm", "*", 25),
    ("oww_melspectrogram.npm", "spectrum", 25),
    ("oww_hey_rhasspy.npm", "*", 25),
    ("oww_timer.npm", "*", 25),
    ("oww_weather.npm", "*", 25),
]
# Nothing else stays in float, but with the setting `xnnpack`: that one's list is torchao's.
LEFT = [("double_mlp.*", "f64"), ("half_cnn.*", "f16"), ("lstm_classifier.*", "lstm"), ("silero_*", "lstm, if"),
        ("oww_melspectrogram.npm", "linear")]
TAGS = ("eval17", "npm", "train13")
CODES = {"<f4": "f", "<f8": "d", "<i8": "q", "<i4": "i", "|b1": "B", "|i1": "b", "|u1": "B"}


class Fail(Exception):
    pass


def npy(path):
    """Shape and elements; of f16 the elements are not read."""
    with open(path, "rb") as f:
        data = f.read()
    start = 10 + struct.unpack("<H", data[8:10])[0]
    header = data[:start].decode("latin-1")
    descr = re.search(r"'descr': '([^']*)'", header).group(1)
    shape = re.search(r"'shape': \(([^)]*)\)", header).group(1)
    if descr == "<f2":
        return shape, [v[0] for v in struct.iter_unpack("<e", data[start:])], True
    return shape, array.array(CODES[descr], data[start:]), descr[1] == "f"


def safe(name):
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


def check_tables(stderr, passes):
    """The table of layers of each of the passes: in float, the same numbers, and the warnings' numbers are theirs."""
    tables, own = [], None
    for number, text, of in ((m.group(2), m.group(3), m.group(1)) for m in re.finditer(r"^  (\S*) +(\d+)  (.*)$", stderr, re.M)):
        if of:
            own = None
        m = re.match(r"(\S+) (?:quantized|in float: .* \(first: .*\))$", text)
        if m and own is None:
            own = {}
            tables.append(own)
        if m and " in float: " in text:
            own[m.group(1)] = own.get(m.group(1), 0) + int(number)
    if len(tables) not in (0, passes):
        raise Fail(f"{len(tables)} tables of layers, not {passes}")
    for t in tables:
        # Convert folds batch norms into what stays in float, too.
        if any(t.get(op, 0) != n for op, n in tables[0].items() if op != "batch_norm") or t.keys() - tables[0].keys():
            raise Fail(f"the tables of layers differ: {tables}")
    said = [int(n) for n in re.findall(r"(\d+) of \d+ layers that compute stay in float", stderr)]
    if said != [n for n in (sum(t.values()) for t in tables[::2]) if n]:
        raise Fail(f"the warnings say {said}, the tables {tables}")


def command(*args):
    done = subprocess.run(args, capture_output=True, text=True, errors="replace", timeout=600)
    if done.returncode:
        said = [l for l in done.stderr.splitlines() if "error:" in l] or done.stderr.splitlines() or ["no message"]
        raise Fail(f"{os.path.basename(args[0])} ends with {done.returncode}: {said[0][:200]}")
    return done


def input_names(opt, model):
    """Inputs by the names that their files have."""
    head = re.search(r"^graph .*", command(opt, model).stdout, re.M).group()
    names = re.findall(r'%("(?:[^"\\]|\\.)*"|[\w.$/-]+):', head)
    return {safe(n): n for n in (json.loads(n) if n[0] == '"' else n for n in names)}


class Case:
    def __init__(self, build, path):
        self.path, self.files = path, sorted(os.listdir(path))
        self.opt, self.run = f"{build}/tools/ir-opt", f"{build}/tools/ir-run"
        self.qat = path.endswith(".train13")
        names = input_names(self.opt, f"{path}/model.onnx")
        self.inputs = [a for f in self.named("in.") for a in ("--input", f"{names.get(f[3:-4], f[3:-4])}={path}/{f}")]

    def named(self, prefix):
        return [f for f in self.files if f.startswith(prefix)]

    def prepare(self, options, more, out):
        pipeline = f"{'prepare-qat' if self.qat else 'prepare'}{{{options}}}{more}"
        return command(self.opt, f"{self.path}/model.onnx", "--passes", pipeline, "--stats", "-o", out).stderr

    def quantize(self, options, d):
        """Ratio in dB, layers left in float, everything that was said."""
        said = self.prepare(options, "", f"{d}/prepared.gfb")
        command(self.run, f"{d}/prepared.gfb", *self.inputs, "-o", f"{d}/stepped.gfb")
        passes = "to-eval,convert" if self.qat else "convert"
        converted = command(self.opt, f"{d}/stepped.gfb", "--passes", passes, "--stats", "-o",
                            f"{d}/int8.gfb").stderr
        if "skip-name" not in options: # what was asked for is only said at the end
            check_tables(said + converted, 3)
        command(self.run, f"{d}/int8.gfb", *self.inputs, "--output-dir", f"{d}/out")
        signal = noise = 0.0
        for f in self.named("out."):
            (shape, want, is_float), (got_shape, got, _) = npy(f"{self.path}/{f}"), npy(f"{d}/out/{f[4:-4]}.0.npy")
            if shape != got_shape:
                raise Fail(f"{f}: shape ({got_shape}), expected ({shape})")
            if not is_float:
                continue
            if not all(map(math.isfinite, got)):
                raise Fail(f"{f}: not finite")
            signal += sum(w * w for w in want)
            noise += sum((w - g) ** 2 for w, g in zip(want, got))
        ratio = 10 * math.log10(signal / noise) if signal > 0 and noise > 0 else math.inf
        left = re.search(r"\d+ of \d+ layers that compute stay in float.*", converted)
        return ratio, left.group() if left else "", "".join(l + "\n" for l in (said + converted).splitlines() if "warning: " in l)

    def check_statistics(self, d):
        self.prepare(SETTINGS["xnnpack"], ",disable-fake-quant", f"{d}/float.gfb")
        command(self.run, f"{d}/float.gfb", *self.inputs, "-o", f"{d}/after.gfb")
        command(self.opt, f"{d}/after.gfb", "--export-state", f"{d}/state", "-o", f"{d}/scratch.gfb")
        for f in self.named("after."):
            (shape, want, _), (got_shape, got, _) = npy(f"{self.path}/{f}"), npy(f"{d}/state/{f[6:-4]}.npy")
            if shape != got_shape:
                raise Fail(f"{f}: shape ({got_shape}), expected ({shape})")
            worst, top = max(abs(w - g) for w, g in zip(want, got)), max(map(abs, want))
            if not worst <= 1e-5 * top:
                raise Fail(f"{f}: {worst / top:.3g} of the largest away")


def check(case, name, setting, verbose):
    with tempfile.TemporaryDirectory() as d:
        ratio, left, said = case.quantize({**SETTINGS, **OWN.get(name, {})}[setting], d)
    if verbose:
        print(f"{name:28} {setting:9} {ratio:6.1f} dB")
        print("".join(f"    {l.split('warning: ')[-1][:300]}\n" for l in said.splitlines()), end="")
    for glob, of, least in GOALS:
        if fnmatch.fnmatch(name, glob) and fnmatch.fnmatch(setting, of) and not ratio >= least:
            raise Fail(f"{ratio:.1f} dB, the goal is {least}")
    if left and setting != "xnnpack" and not any(fnmatch.fnmatch(name, g) for g, _ in LEFT):
        raise Fail(left)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("build")
    p.add_argument("cases")
    p.add_argument("--only", default="*")
    p.add_argument("--skip", default="")
    p.add_argument("--settings", default=",".join(SETTINGS))
    p.add_argument("-v", action="store_true")
    a = p.parse_args()
    if not os.path.isdir(a.cases):
        print(f"skipped: there is no {a.cases}")
        return 77
    names = [n for n in sorted(os.listdir(a.cases))
             if n.rsplit(".", 1)[-1] in TAGS and any(fnmatch.fnmatch(n, g) for g in a.only.split(","))
             and not any(fnmatch.fnmatch(n, g) for g in a.skip.split(","))]
    passed = failed = 0
    for name in names:
        bad = []
        try:
            case = Case(a.build, f"{a.cases}/{name}")
        except Fail as e:
            case, bad = None, [f"{name}: {e}"]
        for setting in a.settings.split(",") + list(OWN.get(name, {})) if case else []:
            try:
                check(case, name, setting, a.v)
            except (Fail, KeyError, FileNotFoundError, subprocess.TimeoutExpired) as e:
                bad.append(f"{name} {setting}: {e}")
        if case and case.named("after."):
            try:
                with tempfile.TemporaryDirectory() as d:
                    case.check_statistics(d)
            except (Fail, FileNotFoundError) as e:
                bad.append(f"{name} statistics: {e}")
        print("".join(f"FAIL {b}\n" for b in bad), end="", flush=True)
        passed, failed = passed + (not bad), failed + (1 if bad else 0)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not names else 0


sys.exit(main())
