"""Memory that ir-opt takes at most: prepare-qat and convert of ResNet-18, 2.5 times the weights' size; import of a file
of ONNX, 1.2 times the file's.
usage: peak_memory.py IR_OPT BUILD_MODEL"""
import os
import subprocess
import sys
import tempfile

def peak(*args):
    child = subprocess.Popen(args, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status: sys.exit(f"{' '.join(args)}: exit {status}")
    return usage.ru_maxrss * 1024

def varint(n):
    out = bytearray()
    while n > 127: out.append(n & 127 | 128); n >>= 7
    return bytes(out + bytes([n]))

def field(number, value):
    if isinstance(value, int): return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value

def onnx(weights, rows):
    """A chain of products with matrices of rows x rows."""
    shape = field(1, field(1, 1)) + field(1, field(1, rows))
    info = lambda name: field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))
    graph = field(2, "chain")
    for i in range(weights):
        graph += field(1, field(1, f"v{i}") + field(1, f"w{i}") + field(2, f"v{i + 1}") + field(3, f"/m{i}") + field(4, "MatMul"))
    for i in range(weights):
        graph += field(5, field(1, rows) + field(1, rows) + field(2, 1) + field(8, f"w{i}") + field(9, os.urandom(4) * (rows * rows)))
    graph += field(11, info("v0")) + field(12, info(f"v{weights}"))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))

with tempfile.TemporaryDirectory() as folder:
    path = lambda name: os.path.join(folder, name)
    subprocess.run([sys.argv[2], "resnet18", path("net.gfb")], check=True)
    if os.fork() == 0: # what this process held at most would be counted as its children's
        with open(path("net.onnx"), "wb") as f: f.write(onnx(16, 1024))
        os._exit(0)
    os.wait()
    cases = [("weights", path("net.gfb"), ["--passes", "prepare-qat{per-channel=true},to-eval,convert", "-o", path("int8.gfb")], 2.5),
             ("an ONNX file", path("net.onnx"), ["-o", path("out.dot")], 1.2)]
    failed = False
    for what, file, args, aim in cases:
        size, most = os.path.getsize(file), peak(sys.argv[1], file, *args)
        print(f"{what} of {size / 1e6:.1f} MB: peak {most / 1e6:.1f} MB, {most / size:.2f} times, at most {aim}")
        failed |= most > aim * size
    sys.exit(failed)
