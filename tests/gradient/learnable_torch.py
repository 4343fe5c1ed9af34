#!/usr/bin/env python3
"""Writes learnable.txt: what PyTorch's _LearnableFakeQuantize and torch.optim make of a small network. Run with Debian's
python3-torch (1.13); the numbers are in the repository, so that tests need no torch.

Two linears with a relu between them: an int8 activation (its zero point is below 0), 4 bit weights per channel, affine, an
activation of 16 levels, and a symmetric weight. Two batches are observed, then scales and zero points are learned.

    the tensors: w b v, the batches x0 x1, the targets t0 t1
    then for each case its options (of enable-param-learning; of train-step), and for each step a line:
    the loss, and after the step w b v, scale and zero point of x, scales and zero points of w, those of the relu, the scale of v
    last: the network's result for x0
"""
import torch
from torch.ao.quantization import MinMaxObserver, MovingAverageMinMaxObserver, PerChannelMinMaxObserver
from torch.ao.quantization._learnable_fake_quantize import _LearnableFakeQuantize as Learnable

F = torch.nn.functional
STEPS = 8
CASES = [
    (False, "optimizer=sgd,lr=0.02,momentum=0.9", torch.optim.SGD, dict(lr=0.02, momentum=0.9)),
    (True, "optimizer=sgd,lr=0.1,momentum=0.5,weight-decay=0.01", torch.optim.SGD, dict(lr=0.1, momentum=0.5, weight_decay=0.01)),
    (False, "optimizer=adam,lr=0.01", torch.optim.Adam, dict(lr=0.01)),
    (False, "optimizer=adamw,lr=0.1", torch.optim.AdamW, dict(lr=0.1)),  # scales meet their least value
]


def affine(observer, dtype, low, high, scaled, **how):
    return Learnable(observer, low, high, use_grad_scaling=scaled, dtype=dtype, **how)


def network(scaled):
    per_tensor, per_channel = torch.per_tensor_affine, torch.per_channel_affine
    return (
        affine(MovingAverageMinMaxObserver, torch.qint8, -128, 127, scaled, qscheme=per_tensor),
        affine(PerChannelMinMaxObserver, torch.qint8, -8, 7, scaled, qscheme=per_channel, ch_axis=0, channel_len=3),
        affine(MovingAverageMinMaxObserver, torch.quint8, 0, 15, scaled, qscheme=per_tensor),
        affine(MinMaxObserver, torch.qint8, -7, 7, scaled, qscheme=torch.per_tensor_symmetric),
    )


def line(*tensors):
    print(" ".join("%.9g" % x for t in tensors for x in torch.as_tensor(t).reshape(-1).tolist()))


torch.manual_seed(12)
W, B, V = torch.rand(3, 4) * 2 - 1, torch.rand(3) - 0.25, torch.rand(2, 3) * 2 - 1
X, T = torch.rand(2, 6, 4) * 3 - 1, torch.rand(2, 6, 2) * 2 - 1
line(W, B, V, X, T)

for scaled, options, kind, how in CASES:
    w, b, v = (torch.nn.Parameter(t.clone()) for t in (W, B, V))
    of_x, of_w, of_r, of_v = quantizers = network(scaled)

    def forward(x):
        return F.linear(of_r(F.relu(F.linear(of_x(x), of_w(w), b))), of_v(v))

    for x in X:
        forward(x)
    for q in quantizers:
        q.enable_param_learning()
    learned = [p for q in quantizers for p in (q.scale, q.zero_point)]
    optimizer = kind([w, b, v, *learned], **how)
    print("%s;%s" % ("true" if scaled else "false", options))
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = F.mse_loss(forward(X[step % 2]), T[step % 2])
        loss.backward()
        optimizer.step()
        for q in quantizers:  # what the next forward begins with
            q.calculate_qparams()
        line(loss.detach(), w.detach(), b.detach(), v.detach(), *[p.detach() for p in learned[:-1]])
    line(forward(X[0]).detach())
