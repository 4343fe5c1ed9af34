"""prepare-qat and convert of ResNet-18 by ir-opt stay under 2.5 times the weights' size in memory.
usage: peak_memory.py IR_OPT BUILD_MODEL"""
import os
import subprocess
import sys
import tempfile

with tempfile.TemporaryDirectory() as folder:
    net, out = os.path.join(folder, "net.gfb"), os.path.join(folder, "int8.gfb")
    subprocess.run([sys.argv[2], "resnet18", net], check=True)
    child = subprocess.Popen([sys.argv[1], net, "--passes", "prepare-qat{per-channel=true},to-eval,convert", "-o", out],
                             stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    weights, peak = os.path.getsize(net), usage.ru_maxrss * 1024
    print(f"weights {weights / 1e6:.1f} MB, peak {peak / 1e6:.1f} MB, {peak / weights:.2f} times")
    sys.exit(status != 0 or peak > 2.5 * weights)
