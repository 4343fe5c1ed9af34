#!/usr/bin/env python3
"""Times graft running networks beside peers on the same machine in one run: medians of blocks of steps that take turns, with
one thread and with two, ratios (above 1: graft takes longer) and peak memory. CPU is the mean processor time of a step, of
all threads, which other work on the machine touches less.

BUILD: a release build folder; MODELS: a folder with NETWORK.onnx, exported in training mode; NETWORKS: resnet18 and
mobilenet_v2 unless given; FOLDER: where `npm install --ignore-scripts onnxruntime-node` was done (default: the current
one); TEXT: only rows that have it. Run it with a Python that has `onnx` and, for the last rows, PyTorch (Debian:
/usr/bin/python3, python3-onnx, python3-torch). A peer that is not there is named and left out.

Rows: the float network in evaluation, batch norms folded, and its int8 form (prepared, calibrated, converted, u8-activations) exported as
QDQ, both as the same file for graft and ONNX Runtime, where graft runs the int8 one lowered; the QDQ file without the
Clips that stand between dequantize and quantize, which slow ONNX Runtime down; and the forward of one training step
prepared for quantization-aware training, beside PyTorch's FX mode (the same network, no gradients); and a whole step of it, with loss,
gradients and SGD.
"""
import argparse, os, statistics, subprocess, sys, tempfile, time

here = os.path.dirname(os.path.abspath(__file__))
STEPS = 12  # of a block
UNCOUNTED = 3  # of these, at its start: the other process has just had the caches, and the system spreads a pool's threads over the cores
PAUSE = 0.05  # seconds before a block: the other process's threads still spin on the cores for a while

class Runner:
    """A process that runs steps: step.c, step_onnxruntime.js or step_torch.py."""
    def __init__(self, command):
        self.times, self.cpu, self.steps = [], 0, 0
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.expect("ready")
        self.before = self.memory("VmRSS")
        self.tell("")
        self.expect("open")

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def expect(self, what):
        line = self.process.stdout.readline().strip()
        if line != what: raise RuntimeError(f"{self.process.args[0]}: {line or 'ended'}, not {what}")

    def memory(self, what):
        with open(f"/proc/{self.process.pid}/status") as f:
            return next(int(line.split()[1]) / 1024 for line in f if line.startswith(what))

    def cpu_time(self):
        with open(f"/proc/{self.process.pid}/stat") as f: user, system = f.read().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) * 1000 / os.sysconf("SC_CLK_TCK")

    def block(self):
        before = self.cpu_time()
        self.tell(str(STEPS))
        times = [float(t) for t in self.process.stdout.readline().split()]
        if len(times) != STEPS: raise RuntimeError(f"{self.process.args[0]} ended")
        self.times += times[UNCOUNTED:]
        self.cpu += self.cpu_time() - before
        self.steps += STEPS

    def end(self):
        peak = self.memory("VmHWM")
        self.process.stdin.close()
        self.process.wait()
        return statistics.median(self.times) / 1000, self.cpu / self.steps, peak, peak - self.before

def compare(what, blocks, ours, theirs):
    """Commands by number of threads."""
    for threads in (1, 2):
        runners = []
        try:
            for command in (ours, theirs): runners.append(Runner(command(str(threads))))
            for _ in range(blocks):
                for r in runners:
                    time.sleep(PAUSE)
                    r.block()
            (a, a_cpu, a_peak, a_net), (b, b_cpu, b_peak, b_net) = (r.end() for r in runners)
        except (RuntimeError, OSError, ValueError) as error:
            for r in runners: r.process.kill()
            print(f"{what:38} {error}", flush=True)
            return
        print(f"{what:36} {threads}  graft {a:7.2f} ms  peer {b:7.2f} ms  ratio {a / b:5.2f}   CPU {a_cpu:6.1f}, {b_cpu:6.1f} ms {a_cpu / b_cpu:5.2f}   "
              f"peak {a_peak:4.0f}, {b_peak:4.0f} MB, without the bare process {a_net:4.0f}, {b_net:4.0f}", flush=True)

def without_clips(source, target):
    """The file without what is clamped between a dequantize and a quantize."""
    import onnx
    model = onnx.load(source)
    nodes = model.graph.node
    makers = {name: n for n in nodes for name in n.output}
    readers = {}
    for n in nodes:
        for name in n.input: readers.setdefault(name, []).append(n)
    for n in list(nodes):
        if n.op_type != "Clip" or any(r.op_type != "QuantizeLinear" for r in readers.get(n.output[0], [])): continue
        for r in readers[n.output[0]]: r.input[0] = n.input[0]
        nodes.remove(n)
    onnx.save(model, target)

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("build"); p.add_argument("models"); p.add_argument("networks", nargs="*", default=["resnet18", "mobilenet_v2"])
    p.add_argument("--runtime", default="."); p.add_argument("--blocks", type=int, default=15); p.add_argument("--only", default="")
    a = p.parse_intermixed_args()
    opt, run, step = (os.path.join(a.build, t) for t in ("tools/ir-opt", "tools/ir-run", "tests/bench/step"))
    runtime = os.path.isdir(os.path.join(a.runtime, "node_modules/onnxruntime-node"))
    if not runtime: print(f"no onnxruntime-node in {a.runtime}/node_modules: left out")
    torch = subprocess.run([sys.executable, "-c", "import torch.ao.quantization"], stderr=subprocess.DEVNULL).returncode == 0
    if not torch: print(f"{sys.executable} has no PyTorch (python3-torch): left out")
    with tempfile.TemporaryDirectory() as d:
        def command(*words): subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name in a.networks:
            trained = os.path.join(a.models, name + ".onnx")
            f = lambda suffix: os.path.join(d, name + suffix)
            graft = lambda file, passes, *batch: lambda threads: [step, file, passes, threads, *batch]
            peer = lambda file: lambda threads: ["node", os.path.join(here, "step_onnxruntime.js"), a.runtime, file, threads]
            def row(what, ours, theirs):
                if a.only in what: compare(what, a.blocks, ours, theirs)
            if runtime:
                command(opt, trained, "--passes", "canonicalize,to-eval,fold-conv-bn", "-o", f(".float.onnx"))
                row(f"{name} float", graft(f(".float.onnx"), "canonicalize"), peer(f(".float.onnx")))
                command(opt, trained, "--passes", "to-eval,prepare{quantizer=xnnpack,per-channel=true}", "-o", f(".prepared.gfb"))
                command(run, f(".prepared.gfb"), "--random", "1", "--steps", "4", "-o", f(".calibrated.gfb"))
                command(opt, f(".calibrated.gfb"), "--passes", "convert,u8-activations", "-o", f(".int8.gfb"))
                command(opt, f(".int8.gfb"), "-o", f(".qdq.onnx"))
                row(f"{name} int8, QDQ", graft(f(".qdq.onnx"), "canonicalize,lower"), peer(f(".qdq.onnx")))
                try:
                    without_clips(f(".qdq.onnx"), f(".plain.onnx"))
                    row(f"{name} int8, QDQ without Clip", graft(f(".qdq.onnx"), "canonicalize,lower"), peer(f(".plain.onnx")))
                except ImportError: print(f"{sys.executable} has no onnx (python3-onnx): the QDQ file without Clips is left out")
            if torch:
                row(f"{name} QAT forward", graft(trained, "prepare-qat{quantizer=xnnpack,per-channel=true}"),
                    lambda threads: [sys.executable, os.path.join(here, "step_torch.py"), name, threads])
                for batch in ("1", "8"):
                    row(f"{name} QAT step, batch {batch}", graft(trained, "prepare-qat{quantizer=xnnpack,per-channel=true},train-step{lr=0.01,momentum=0.9}", batch),
                        lambda threads: [sys.executable, os.path.join(here, "step_torch.py"), name, threads, batch])

if __name__ == "__main__": main()
