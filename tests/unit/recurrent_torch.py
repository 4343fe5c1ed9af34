#!/usr/bin/env python3
"""Writes kernel_cases_recurrent_backward.def: the gradients that PyTorch has for its recurrent layers. Run with Debian's python3-torch (1.13); the numbers
are in the repository, so that tests need no torch."""
import torch

ORDER = {"LSTM": [0, 3, 1, 2], "GRU": [1, 0, 2], "RNN": [0]}  # ONNX's gates among PyTorch's
torch.manual_seed(1)


def draw(*shape):
    return (torch.randint(-8, 9, shape) / 8).to(torch.float64)


def text(dtype, t):
    return "%s[%s] %s" % (dtype, ",".join(map(str, t.shape)), " ".join("%.9g" % (v + 0.0) for v in t.flatten().tolist()))


def gates(kind, t):
    """Rows of gates, in ONNX's order."""
    parts = t.chunk(len(ORDER[kind]), 0)
    return torch.cat([parts[i] for i in ORDER[kind]], 0)


def by_direction(kind, layer, name, of):
    return [gates(kind, of(getattr(layer, name + "_l0" + end))) for end in ["", "_reverse"][: 2 if layer.bidirectional else 1]]


def case(kind, attributes, steps, batch, inputs, hidden, lens=None, states=True, dtype="f32", **how):
    layer = getattr(torch.nn, kind)(inputs, hidden, **how).double()
    directions = 2 if layer.bidirectional else 1
    for p in layer.parameters():
        p.data = draw(*p.shape)
    x = draw(steps, batch, inputs).requires_grad_()
    start = [draw(directions, batch, hidden).requires_grad_() for _ in range(2 if kind == "LSTM" else 1)]
    given = x if lens is None else torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lens), enforce_sorted=False)
    y, last = layer(given, (tuple(start) if kind == "LSTM" else start[0]) if states else None)
    if lens is not None:
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, total_length=steps)
    last = last if kind == "LSTM" else (last,)
    dy = draw(*y.shape)
    dlast = [draw(*h.shape) for h in last]
    ((y * dy).sum() + sum((h * dh).sum() for h, dh in zip(last, dlast))).backward()

    def operands(of):
        ih, hh = by_direction(kind, layer, "weight_ih", of), by_direction(kind, layer, "weight_hh", of)
        b_ih, b_hh = by_direction(kind, layer, "bias_ih", of), by_direction(kind, layer, "bias_hh", of)
        return [of(x), torch.stack(ih), torch.stack(hh), torch.stack([torch.cat(b) for b in zip(b_ih, b_hh)])]

    dy = dy.reshape(steps, batch, directions, hidden).transpose(1, 2)
    values = [text(dtype, t) for t in [dy, *operands(lambda p: p.detach())]]
    values.append("_" if lens is None else "i64[%d] %s" % (batch, " ".join(map(str, lens))))
    values += [text(dtype, s.detach()) if states else "_" for s in start]
    values += (["_"] if kind == "LSTM" else []) + [text(dtype, d) for d in dlast]
    results = [text(dtype, t) for t in operands(lambda p: p.grad)]
    results += [text(dtype, s.grad) for s in start] if states else []
    print('CASE("%s_backward", "%s",\n     "%s",\n     "%s")' % (kind.lower(), attributes, " | ".join(values), " | ".join(results)))


print("/* Gradients of recurrent layers, as kernel_cases.def has them: PyTorch's (recurrent_torch.py wrote them). */")
LSTM = "activation_f=sigmoid activation_g=tanh activation_h=tanh"
GRU = "activation_f=sigmoid activation_g=tanh linear_before_reset=true"
case("LSTM", LSTM, 3, 2, 2, 2)
case("LSTM", "direction=bidirectional " + LSTM, 3, 2, 1, 2, bidirectional=True, dtype="f64")
case("LSTM", LSTM, 4, 3, 2, 1, lens=[2, 4, 1], states=False)
case("GRU", GRU, 3, 2, 2, 2)
case("GRU", "direction=bidirectional " + GRU, 3, 2, 1, 2, lens=[3, 1], bidirectional=True)
case("RNN", "direction=bidirectional activation_f=tanh", 3, 2, 2, 2, bidirectional=True)
case("RNN", "activation_f=relu", 2, 1, 1, 2, nonlinearity="relu", dtype="f64")
