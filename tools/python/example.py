"""The main job: a float network from ONNX to int8, trained forms in between, its accuracy before and after.

    python example.py digits.onnx digits.train.x.npy digits.test.x.npy digits.test.y.npy OUT.onnx
"""

import sys

import numpy as np

import graft


def accuracy(module, x, y):
    session = module.session(threads=2)
    return np.mean([int(session.run(x[i:i + 1])["y"].argmax()) == y[i] for i in range(len(x))])


def main(network, train, x, y, out):
    x, y = np.load(x), np.load(y)
    module = graft.load(network)
    module.run_passes("to-eval")
    print("float %.3f" % accuracy(module, x, y))

    module = graft.load(network)
    module.run_passes("prepare-qat{quantizer=xnnpack,per-channel=true}")
    session = module.session(threads=2)
    for batch in np.array_split(np.load(train), 40):
        session.run(batch)
    module.run_passes("to-eval,convert")
    print("int8  %.3f" % accuracy(module, x, y))

    for layer in module.main.layers():
        if layer.weight is not None:
            print("%-40s %-8s %s weight, scale %.4g to %.4g" % (layer.node.name, layer.op, layer.weight.dtype,
                                                               layer.weight.scales.min(), layer.weight.scales.max()))
    module.save(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
