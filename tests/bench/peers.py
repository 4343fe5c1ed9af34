#!/usr/bin/env python3
"""Times graft against peers on the same machine in one run, and prints ratios (above 1: graft is faster).

usage: peers.py BUILD [NODES]      BUILD: a release build folder; NODES: of the conv-bn-relu chain (default 30000)

Peers are taken where they are installed: mlir-opt (Debian's mlir-19-tools) for reading and printing text and for reading
its binary form, torch.fx (Debian's python3-torch, run with /usr/bin/python3) for replacing conv+bn by the QAT form. Each
figure is the best of three; the time of an empty input is taken off, so that starting a process does not count.
"""
import glob, os, shutil, subprocess, sys, tempfile, time

FX = r'''
import sys, time, torch
from torch.fx import symbolic_trace, replace_pattern
triples = int(sys.argv[1])
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.ones(2, 2, 1, 1)); self.g = torch.nn.Parameter(torch.ones(2))
        self.register_buffer("m", torch.zeros(2)); self.register_buffer("v", torch.ones(2))
    def forward(self, x):
        for _ in range(triples):
            x = torch.relu(torch.batch_norm(torch.conv2d(x, self.w), self.g, self.g, self.m, self.v, True, 0.1, 1e-5, False))
        return x
def pattern(x, w, g, b, m, v):
    return torch.batch_norm(torch.conv2d(x, w), g, b, m, v, True, 0.1, 1e-5, False)
def replacement(x, w, g, b, m, v):
    s = g / torch.sqrt(v + 1e-5)
    y = torch.conv2d(x, w * s.reshape(-1, 1, 1, 1)) / s.reshape(1, -1, 1, 1)
    return torch.batch_norm(y, g, b, m, v, True, 0.1, 1e-5, False)
net = symbolic_trace(Net())
begin = time.perf_counter()
found = replace_pattern(net, pattern, replacement)
print(time.perf_counter() - begin, len(found))
'''

def best(command, repeats=3):
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - begin)
    return min(times)

def mlir_chain(triples):
    t, c = "tensor<1x2x4x4xf32>", "tensor<2xf32>"
    lines = [f"func.func @main(%x: {t}, %w: tensor<2x2x1x1xf32>, %g: {c}, %b: {c}, %m: {c}, %v: {c}) -> {t} {{"]
    last = "%x"
    for i in range(triples):
        lines += [f'  %{3 * i} = "g.conv2d"({last}, %w) {{stride = [1, 1], padding = [0, 0], groups = 1 : i64}} : ({t}, tensor<2x2x1x1xf32>) -> {t}',
                  f'  %{3 * i + 1} = "g.batch_norm"(%{3 * i}, %g, %b, %m, %v) {{training = true, eps = 1.0e-05 : f64}} : ({t}, {c}, {c}, {c}, {c}) -> {t}',
                  f'  %{3 * i + 2} = "g.relu"(%{3 * i + 1}) : ({t}) -> {t}']
        last = f"%{3 * i + 2}"
    return "\n".join(lines + [f"  return {last} : {t}", "}"]) + "\n"

def row(what, ours, theirs, nodes):
    print(f"{what:34} graft {nodes / ours * 1e-6:8.3f} M nodes/s   peer {nodes / theirs * 1e-6:8.3f} M nodes/s   ratio {theirs / ours:8.1f}")

def main():
    build, nodes = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 30000
    opt, build_model = os.path.join(build, "tools/ir-opt"), os.path.join(build, "tests/models/build-model")
    mlir = shutil.which("mlir-opt") or next(iter(sorted(glob.glob("/usr/lib/llvm-*/bin/mlir-opt"), reverse=True)), None)
    triples = nodes // 3
    with tempfile.TemporaryDirectory() as d:
        p = lambda name: os.path.join(d, name)
        for n, name in ((nodes, "chain"), (3, "tiny")):
            subprocess.run([build_model, f"chain{n}", p(name + ".gfb")], check=True)
            subprocess.run([opt, p(name + ".gfb"), "-o", p(name + ".gir")], check=True)
        net = lambda command, name, tiny: max(best([a.replace("@", p(name)) for a in command]) - best([a.replace("@", p(tiny)) for a in command]), 1e-6)
        text = net([opt, "@", "-o", p("out.gir")], "chain.gir", "tiny.gir")
        binary = net([opt, "@", "-o", p("out.gfb")], "chain.gfb", "tiny.gfb")
        if mlir:
            for n, name in ((triples, "chain.mlir"), (1, "tiny.mlir")):
                open(p(name), "w").write(mlir_chain(n))
                subprocess.run([mlir, "--allow-unregistered-dialect", "--emit-bytecode", p(name), "-o", p(name + "bc")], check=True)
            flags = [mlir, "--allow-unregistered-dialect", "@"]
            row("text in, verified, text out", text, net(flags + ["-o", p("out.mlir")], "chain.mlir", "tiny.mlir"), nodes)
            row("binary in, verified, binary out", binary, net(flags + ["--emit-bytecode", "-o", p("out.mlirbc")], "chain.mlirbc", "tiny.mlirbc"), nodes)
        else: print("mlir-opt is not installed (mlir-19-tools): left out")
        fx = subprocess.run(["/usr/bin/python3", "-c", FX, str(min(triples, 3000))], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if fx.returncode == 0:
            seconds, found = fx.stdout.split()
            prepared = p("prepared.gfb")
            convert = net([opt, "@", "--passes", "prepare-qat{quantizer=xnnpack}", "-o", prepared], "chain.gfb", "tiny.gfb") - binary
            n = min(triples, 3000) * 3
            row(f"conv+bn -> QAT form (torch.fx, {n})", max(convert, 1e-6) * n / nodes, float(seconds), n)
        else: print("torch.fx is not installed (python3-torch): left out")

if __name__ == "__main__": main()
