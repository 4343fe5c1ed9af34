#!/usr/bin/env python3
"""step_torch.py NETWORK THREADS [BATCH]: what step.c is, with PyTorch: the forward of one training step of resnet18 or mobilenet_v2
(torchvision's topologies) prepared for quantization-aware training in FX mode, weights per channel, without gradients. With BATCH the
whole step: forward, cross entropy, backward, SGD with momentum."""
import sys, time, warnings, torch
from torch import nn
from torch.ao.quantization import get_default_qat_qconfig_mapping
from torch.ao.quantization.quantize_fx import prepare_qat_fx

class Block(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        conv = lambda a, b, k, s: nn.Conv2d(a, b, k, s, k // 2, bias=False)
        self.conv1, self.bn1, self.relu = conv(i, o, 3, stride), nn.BatchNorm2d(o), nn.ReLU()
        self.conv2, self.bn2, self.out = conv(o, o, 3, 1), nn.BatchNorm2d(o), nn.ReLU()
        self.downsample = nn.Sequential(conv(i, o, 1, stride), nn.BatchNorm2d(o)) if i != o else None
    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.out(y + (self.downsample(x) if self.downsample is not None else x))

class Inverted(nn.Module):
    def __init__(self, i, o, stride, t):
        super().__init__()
        self.same = stride == 1 and i == o
        self.body = nn.Sequential(*(unit(i, i * t) if t != 1 else []), *unit(i * t, i * t, 3, stride, i * t),
                                  nn.Conv2d(i * t, o, 1, bias=False), nn.BatchNorm2d(o))
    def forward(self, x): return x + self.body(x) if self.same else self.body(x)

def unit(i, o, k=1, stride=1, groups=1):
    return [nn.Conv2d(i, o, k, stride, k // 2, groups=groups, bias=False), nn.BatchNorm2d(o), nn.ReLU6()]

def resnet18():
    layers, i = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
    for o, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(i, o, stride), Block(o, o, 1)]
        i = o
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))

def mobilenet_v2():
    layers, i = unit(3, 32, 3, 2), 32
    for t, o, n, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
        for k in range(n):
            layers.append(Inverted(i, o, stride if k == 0 else 1, t))
            i = o
    return nn.Sequential(*layers, *unit(320, 1280), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1280, 1000))

def main():
    name, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    warnings.filterwarnings("ignore")
    print("ready", flush=True)
    sys.stdin.readline()
    batch = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    x = torch.rand(batch, 3, 224, 224) * 4.7 - 2.1
    net = prepare_qat_fx({"resnet18": resnet18, "mobilenet_v2": mobilenet_v2}[name]().train(), get_default_qat_qconfig_mapping("fbgemm"), (x,))
    step = lambda: net(x)
    if len(sys.argv) > 3:
        optimizer, labels = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9), torch.arange(batch)
        def step():
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), labels).backward()
            optimizer.step()
    print("open", flush=True)
    with torch.set_grad_enabled(len(sys.argv) > 3):
        for line in sys.stdin:
            times = []
            for _ in range(int(line)):
                start = time.perf_counter()
                step()
                times.append("%.1f" % ((time.perf_counter() - start) * 1e6))
            print(*times, flush=True)

if __name__ == "__main__": main()
