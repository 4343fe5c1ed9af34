#!/usr/bin/env python3
"""Everything that lies beside the repository, quantized, then lowered to integer ops and held against its q/dq form by ir-diff. Standard library only.

usage: lower_everything.py BUILD SHARED [--only GLOB[,GLOB]] [--sets NAME[,NAME]] [--settings NAME[,NAME]] [--reference EVERY] [-v]

SHARED has forms/ and networks/ (folders with model.onnx and in.INPUT.npy), oracle/pt2e and oracle/ptq (PyTorch's cases) and models/.
What has no quantizer of its own is quantized with each of SETTINGS. Asked of each case, of all that ir-diff finds in it:

* given the q/dq form's inputs, each layer of the lowered form is equal, or one step beside in at most one of a thousand elements (of a
  layer with few: in FEW); what stays in float is equal but for rounding;
* every convolution, product and the like that is float in the lowered form is in lower's table of what stays in float, with a reason;
* lowering again changes nothing, nor does it depend on the run.

Of all cases together at most one of a thousand elements is beside. Every EVERYth case is also lowered to the reference form, which has to give what the
integer ops do in the same bounds. -v prints each case.
"""
import argparse, fnmatch, json, math, os, re, subprocess, sys, tempfile

SETTINGS = {"xnnpack": "quantizer=xnnpack,per-channel=true", "extended": "quantizer=xnnpack,per-channel=true,extended=true", "onednn": "quantizer=onednn"}
FEW = 2  # elements of a layer that may be beside, however small it is
SHARE = 0.001
FLOAT = 2e-5  # of the largest
MODELS = ("resnet18.onnx", "mobilenet_v2.onnx", "digits.onnx")
# No layer of these stays in float (with the setting `extended`).
WHOLE = ("resnet18.onnx", "mobilenet_v2.onnx", "digits.onnx", "ppocr_det.npm")
LAYERS = re.compile(r"(conv|conv_transpose)[123]d$|linear$|matmul$|mm$|bmm$|einsum$")


class Fail(Exception):
    pass


def safe(name):
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


def command(*args, status=(0,)):
    done = subprocess.run(args, capture_output=True, text=True, errors="replace", timeout=900)
    if done.returncode not in status:
        said = [l for l in done.stderr.splitlines() if "error:" in l] or done.stderr.splitlines() or ["no message"]
        raise Fail(f"{os.path.basename(args[0])} {' '.join(args[1:])[:80]} ends with {done.returncode}: {said[0][:300]}")
    return done


class Tools:
    def __init__(self, build):
        self.opt, self.run, self.diff = (f"{build}/tools/{t}" for t in ("ir-opt", "ir-run", "ir-diff"))

    def passes(self, source, pipeline, to):
        return command(self.opt, source, "--passes", pipeline, "--stats", "-o", to).stderr

    def inputs(self, model):
        """Inputs by the names that their files have."""
        head = re.search(r"^graph .*", command(self.opt, model).stdout, re.M).group()
        names = re.findall(r'%("(?:[^"\\]|\\.)*"|[\w.$/-]+): *(\w+\[[^\]]*\])', head)
        return {safe(json.loads(n) if n[0] == '"' else n): (json.loads(n) if n[0] == '"' else n, t) for n, t in names}


def stored(tools, folder, name, settings):
    """A network with stored inputs: the pipeline that quantizes it with each setting, and its inputs."""
    path = f"{folder}/{name}"
    names = tools.inputs(f"{path}/model.onnx")
    feeds = [a for f in sorted(os.listdir(path)) if f.startswith("in.")
             for a in ("--input", f"{names.get(f[3:-4], (f[3:-4],))[0]}={path}/{f}")]
    trains = name.endswith(".train13")
    for s in settings:
        yield f"{name} {s}", f"{path}/model.onnx", [(f"prepare{'-qat' if trains else ''}{{{SETTINGS[s]}}}", feeds)], feeds


def oracle(tools, folder, name):
    path = f"{folder}/{name}"
    with open(f"{path}/case.json") as f:
        case = json.load(f)
    x = case.get("input", "x")
    steps = ["--input", f"{x}=" + ",".join(f"{path}/input.{i}.npy" for i in range(3))]
    for granularity in ("channel", "tensor"):
        if not os.path.exists(f"{path}/{granularity}.json"):
            continue
        options = f"quantizer={case.get('quantizer', 'xnnpack')},per-channel={'true' if granularity == 'channel' else 'false'}"
        rounds = [(f"{'to-eval,prepare' if folder.endswith('ptq') else 'prepare-qat'}{{{options}}}", steps)]
        if name == "mixed_qat_ptq":
            rounds = [('prepare-qat{quantizer=xnnpack,per-channel=true,scope="linears,my_linear"}', steps),
                      ("prepare{quantizer=xnnpack,per-channel=false,skip-type=linear}", steps)]
        yield f"{name} {granularity}", f"{path}/model.onnx", rounds, ["--input", f"{x}={path}/input.test.npy"]


def bare(tools, path, settings):
    free = any("?" in t for _, t in tools.inputs(path).values())
    random = ["--random", "1"] + ["--extent", "2"] * free
    for s in settings:
        yield f"{os.path.basename(path)} {s}", path, [(f"to-eval,prepare{{{SETTINGS[s]}}}", random)], random


def cases(tools, a):
    wanted = lambda n: any(fnmatch.fnmatch(n, g) for g in a.only.split(","))
    for part in a.sets.split(","):
        folder = f"{a.shared}/{part}"
        if not os.path.isdir(folder):
            continue
        for name in sorted(os.listdir(folder)):
            if not wanted(name):
                continue
            if part == "models" and name in MODELS:
                yield part, lambda name=name: bare(tools, f"{folder}/{name}", a.settings)
            elif part.startswith("oracle/") and os.path.exists(f"{folder}/{name}/case.json"):
                yield part, lambda name=name: oracle(tools, folder, name)
            elif part in ("forms", "networks") and os.path.exists(f"{folder}/{name}/model.onnx"):
                yield part, lambda name=name: stored(tools, folder, name, a.settings)


def left_in_float(said):
    """Layers that lower says stay in float: how many of each op and why."""
    rows = re.findall(r"(\d+)  (\S+) in float: (.*?) \(first: ", said.partition("count-integers")[2])
    return [(int(n), op, why) for n, op, why in rows]


def float_layers(tools, module, d):
    """Layers of the module whose result is float, weights' apart."""
    text = command(tools.opt, module, "--emit", "json").stdout
    nodes = [n for g in json.loads(text)["graphs"] for n in g["nodes"]]
    return [n for n in nodes if LAYERS.match(n["op"]) and n["results"][0]["dtype"] in ("f32", "f16", "f64")]


class Sum:
    def __init__(self):
        self.elements = self.beside = self.cases = self.floats = 0


def judge(path, what):
    """Elements of quantized layers, and those that are beside."""
    with open(path) as f:
        layers = json.load(f)["layers"]
    elements = beside = 0
    for l in layers:
        n, of, own = l["elements"], l["own_differing"], l["own"]
        if l["not_numbers"]:
            raise Fail(f"{what}: {l['name']}: {l['not_numbers']} NaN or infinite in one of them alone")
        if "steps" in own:
            elements, beside = elements + n, beside + of
            if own["steps"] > 1.01:
                raise Fail(f"{what}: {l['name']} ({l['op']}): {of} of {n} differ, up to {own['steps']:.2f} steps")
            if of > max(FEW, SHARE * n):
                raise Fail(f"{what}: {l['name']} ({l['op']}): {of} of {n} are one step beside")
        elif of:
            top = max(abs(l["range_a"]["max"] or 0), abs(l["range_a"]["min"] or 0))
            if not own["largest"] <= FLOAT * top:
                raise Fail(f"{what}: {l['name']} ({l['op']}), in float: {of} of {n} differ, up to {own['largest']:.3g} of {top:.3g}")
    return elements, beside


def check(tools, name, model, rounds, test, reference, d, total):
    module = model
    for i, (passes, feeds) in enumerate(rounds):
        tools.passes(module, passes, f"{d}/prepared{i}.gfb")
        command(tools.run, f"{d}/prepared{i}.gfb", *feeds, "-o", f"{d}/stepped{i}.gfb")
        module = f"{d}/int8.{i}.gfb"
        tools.passes(f"{d}/stepped{i}.gfb", "to-eval,convert", module)
    said = tools.passes(module, "lower", f"{d}/lowered.gfb")
    for i, again in enumerate((module, f"{d}/lowered.gfb")):
        tools.passes(again, "lower", f"{d}/again.gfb")
        with open(f"{d}/again.gfb", "rb") as f, open(f"{d}/lowered.gfb", "rb") as g:
            if f.read() != g.read():
                raise Fail("lowering again changes it" if i else "another run lowers it otherwise")
    command(tools.diff, module, f"{d}/lowered.gfb", *test, "--json", f"{d}/diff.json", status=(0, 1))
    elements, beside = judge(f"{d}/diff.json", "lowered")
    if reference:
        tools.passes(module, "lower{reference=true}", f"{d}/reference.gfb")
        command(tools.diff, f"{d}/lowered.gfb", f"{d}/reference.gfb", *test, "--json", f"{d}/diff.json", status=(0, 1))
        judge(f"{d}/diff.json", "reference form")
    left = left_in_float(said)
    floats = float_layers(tools, f"{d}/lowered.gfb", d)
    listed = sum(n for n, op, why in left if LAYERS.match(op))
    if listed != len(floats):
        raise Fail(f"{len(floats)} layers are float, {listed} are listed: {sorted(n['name'] for n in floats)[:5]}")
    if floats and any(w in name for w in WHOLE) and "extended" in name:
        raise Fail(f"in float: {left}")
    total.elements += elements
    total.beside += beside
    total.floats += len(floats)
    return elements, beside, left


def main():
    p = argparse.ArgumentParser()
    p.add_argument("build")
    p.add_argument("shared")
    p.add_argument("--only", default="*")
    p.add_argument("--sets", default="forms,networks,oracle/pt2e,oracle/ptq,models")
    p.add_argument("--settings", default="xnnpack,extended,onednn", type=lambda s: s.split(","))
    p.add_argument("--reference", type=int, default=5)
    p.add_argument("-v", action="store_true")
    a = p.parse_args()
    if not os.path.isdir(a.shared):
        print(f"skipped: there is no {a.shared}")
        return 77
    tools, total, failed, why = Tools(a.build), Sum(), 0, {}
    for part, make in cases(tools, a):
        try:
            runs = list(make())
        except Fail as e:
            runs, failed = [], failed + 1
            print(f"FAIL {part}: {e}", flush=True)
        for name, model, rounds, test in runs:
            total.cases += 1
            try:
                with tempfile.TemporaryDirectory() as d:
                    elements, beside, left = check(tools, name, model, rounds, test, a.reference and total.cases % a.reference == 0, d, total)
                for n, op, reason in left:
                    why[op, reason] = why.get((op, reason), 0) + n
                if a.v:
                    print(f"ok {part} {name}: {beside} of {elements} beside, {sum(n for n, _, _ in left)} layers in float", flush=True)
            except (Fail, KeyError, ValueError, subprocess.TimeoutExpired) as e:
                failed += 1
                print(f"FAIL {part} {name}: {e}", flush=True)
    for (op, reason), n in sorted(why.items(), key=lambda r: -r[1]):
        print(f"in float: {n} {op}: {reason}")
    print(f"{total.beside} of {total.elements} elements are one step beside")
    if total.beside > SHARE * total.elements:
        failed += 1
        print("FAIL: too many of them")
    print(f"{total.cases - failed} passed, {failed} failed")
    return 1 if failed else 0 if total.cases else 77


sys.exit(main())
