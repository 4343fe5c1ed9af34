#!/usr/bin/env python3
"""Writes optimizers.txt: what torch.optim makes of two tensors in five steps. Run with Debian's python3-torch (1.13); the
numbers are in the repository, so that tests need no torch.

The loss is sum(c * w^2) + sum(d * v^3), whose gradients are 2 c w and 3 d v^2; c grows with the step.
"""
import torch

CASES = [
    ("optimizer=sgd,lr=0.1", torch.optim.SGD, dict(lr=0.1), 0),
    ("optimizer=sgd,lr=0.1,momentum=0.9", torch.optim.SGD, dict(lr=0.1, momentum=0.9), 0),
    ("optimizer=sgd,lr=0.1,momentum=0.9,dampening=0.3,weight-decay=0.01", torch.optim.SGD, dict(lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.01), 0),
    ("optimizer=sgd,lr=0.05,momentum=0.8,nesterov=true,weight-decay=0.1", torch.optim.SGD, dict(lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.1), 0),
    ("optimizer=sgd,lr=0.1,momentum=0.9,clip-norm=0.5", torch.optim.SGD, dict(lr=0.1, momentum=0.9), 0.5),
    ("optimizer=adam,lr=0.01", torch.optim.Adam, dict(lr=0.01), 0),
    ("optimizer=adam,lr=0.05,beta1=0.8,beta2=0.95,eps=1e-4,weight-decay=0.1", torch.optim.Adam, dict(lr=0.05, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.1), 0),
    ("optimizer=adam,lr=0.05,amsgrad=true", torch.optim.Adam, dict(lr=0.05, amsgrad=True), 0),
    ("optimizer=adamw,lr=0.05", torch.optim.AdamW, dict(lr=0.05), 0),
    ("optimizer=adamw,lr=0.05,weight-decay=0.2,amsgrad=true,clip-norm=100", torch.optim.AdamW, dict(lr=0.05, weight_decay=0.2, amsgrad=True), 100),
]
W = [0.5, -1.25, 2.0, -0.0625]
V = [0.75, -0.5, 1.5]
C = [1.0, 0.5, -0.25, 2.0]
D = [0.5, 1.0, -0.75]
SCALE = [1.0, 3.0, -1.0, 0.25, 2.0]

for options, kind, how, clip in CASES:
    w, v = (torch.nn.Parameter(torch.tensor(x)) for x in (W, V))
    optimizer = kind([w, v], **how)
    print(options)
    for scale in SCALE:
        optimizer.zero_grad()
        loss = ((torch.tensor(C) * w * w).sum() + (torch.tensor(D) * v * v * v).sum()) * scale
        loss.backward()
        if clip:
            torch.nn.utils.clip_grad_norm_([w, v], clip)
        optimizer.step()
        print(" ".join("%.9g" % x for x in [*w.tolist(), *v.tolist()]))
