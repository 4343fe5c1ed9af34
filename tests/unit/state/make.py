#!/usr/bin/env python3
"""Writes the checkpoints of this folder as torch.save would, with the standard library alone: pickles of classes and
functions that are called as PyTorch's, in a zip of stored entries. tests/unit/state/torch_files.py has torch write them.

usage: make.py FOLDER"""
import collections, io, os, pickle, struct, sys, types, zipfile


def module(name):
    sys.modules[name] = types.ModuleType(name)
    return sys.modules[name]


def named(where, name, thing):
    thing.__module__, thing.__qualname__, thing.__name__ = where.__name__, name, name
    setattr(where, name, thing)
    return thing


torch, utils, other = module('torch'), module('torch._utils'), module('net')
REBUILD, PARAMETER, QTENSOR = (named(utils, n, lambda *a: None) for n in
                               ('_rebuild_tensor_v2', '_rebuild_parameter', '_rebuild_qtensor'))
PER_TENSOR, PER_CHANNEL = (named(torch, n, lambda: None) for n in ('per_tensor_affine', 'per_channel_affine'))
NET = named(other, 'Net', type('Net', (), {}))
FORMATS = {'Float': 'f', 'Double': 'd', 'Half': 'e', 'BFloat16': 'H', 'Char': 'b', 'Byte': 'B', 'Short': 'h', 'Int': 'i',
           'Long': 'q', 'Bool': '?', 'QInt8': 'b', 'QUInt8': 'B', 'QInt32': 'i'}
TYPES = {n: named(torch, n + 'Storage', type(n, (), {})) for n in FORMATS}


class Storage:
    def __init__(self, kind, values):
        self.kind, self.values = kind, list(values)

    def bytes(self):
        return struct.pack('<%d%s' % (len(self.values), FORMATS[self.kind]), *self.values)


class Tensor:
    """A view of a storage; `quantizer` makes a quantized one, `parameter` wraps it as nn.Parameter does."""

    def __init__(self, storage, size, stride=None, offset=0, quantizer=None, parameter=False):
        self.storage, self.size, self.offset = storage, tuple(size), offset
        self.quantizer, self.parameter = quantizer, parameter
        strides, n = [], 1
        for extent in reversed(self.size):
            strides.insert(0, n)
            n *= extent
        self.stride = tuple(stride if stride is not None else strides)

    def __reduce__(self):
        place = (self.storage, self.offset, self.size, self.stride)
        hooks = collections.OrderedDict()
        if self.parameter:
            return PARAMETER, (Tensor(self.storage, self.size, self.stride, self.offset), True, hooks)
        if self.quantizer:
            return QTENSOR, place + (self.quantizer, False, hooks)
        return REBUILD, place + (False, hooks)


def tensor(kind, size, values, **more):
    return Tensor(Storage(kind, values), size, **more)


def state(entries, versions=None):
    d = collections.OrderedDict(entries)
    if versions is not None:
        d._metadata = collections.OrderedDict((k, {'version': v}) for k, v in versions.items())
    return d


def save(path, what, protocol=2):
    storages, out = {}, io.BytesIO()

    class Pickler(pickle.Pickler):
        def persistent_id(self, o):
            if not isinstance(o, Storage):
                return None
            key = storages.setdefault(id(o), (str(len(storages)), o))[0]
            return 'storage', TYPES[o.kind], key, 'cpu', len(o.values)

    Pickler(out, protocol).dump(what)
    name = os.path.splitext(os.path.basename(path))[0]
    with zipfile.ZipFile(path, 'w') as z:
        def put(entry, data):
            z.writestr(zipfile.ZipInfo(name + '/' + entry, (1980, 1, 1, 0, 0, 0)), data)
        put('data.pkl', out.getvalue())
        for key, storage in storages.values():
            put('data/' + key, storage.bytes())
        put('version', '3\n')


def floats(*values):
    return tensor('Float', [len(values)], values)


def main(folder):
    def path(name):
        return os.path.join(folder, name)

    bn = {'conv.bn.weight': floats(3, 4), 'conv.bn.bias': floats(5, 6), 'conv.bn.running_mean': floats(7, 8),
          'conv.bn.running_var': floats(9, 10), 'conv.bn.num_batches_tracked': tensor('Long', [], [12])}
    old = {k.replace('bn.weight', 'gamma').replace('bn.bias', 'beta').replace('bn.', ''): v for k, v in bn.items()}
    weight = {'conv.weight': tensor('Float', [2, 1, 1, 1], [1, 2], parameter=True)}
    plain = state({**weight, **bn}, {'': 1, 'conv': 2, 'conv.bn': 2})
    save(path('plain.pt'), plain)
    save(path('protocol4.pt'), plain, 4)
    save(path('version1.pt'), state({**weight, **old}, {'': 1, 'conv': 1}))
    save(path('unversioned.pt'), dict(state({**weight, **old})))
    save(path('version2.pt'), state({**weight, **old}, {'': 1, 'conv': 2}))
    del bn['conv.bn.num_batches_tracked']
    save(path('uncounted.pt'), state({**weight, **bn}, {'': 1, 'conv': 2, 'conv.bn': 2}))
    save(path('nested.pt'), {'epoch': 3, 'best': 0.5, 'done': False, 'note': None, 'list': [1, [2]], 'tuple': (1, 2, 3, 4),
                             'big': -2 ** 40, 'state_dict': plain, 'optimizer': {'state': {0: {'step': floats(1)}}}})
    save(path('several.pt'), {'model': plain, 'ema': {'of.net': state({'conv.bn.weight': floats(30, 40)})},
                              'averaged': state({'conv.bn.weight': floats(50, 60)})})
    shared = Storage('Float', range(40))
    save(path('views.pt'), {'conv.weight': Tensor(shared, [2, 1, 1, 1], [9, 1, 5, 5], 10),
                            'conv.bn.weight': Tensor(shared, [2], [0], 7), 'fc.bias': Tensor(shared, [2], [3], 30),
                            'fc.matrix': Tensor(shared, [2, 3], [1, 2], 1)})
    channels = (PER_CHANNEL, tensor('Double', [2], [0.5, 0.25]), tensor('Long', [2], [1, -2]), 0)
    save(path('quantized.pt'), {
        'fc.weight': tensor('QInt8', [2, 2], [-1, 2, -3, 4], quantizer=channels),
        'one.weight': tensor('QUInt8', [2], [200, 3], quantizer=(PER_TENSOR, 0.75, 128)),
        'fc.bias': None, 'fc.scale': floats(2).storage and tensor('Float', [], [2]), 'fc.zero_point': tensor('Long', [], [3])})
    save(path('kinds.pt'), {
        'f64': tensor('Double', [1], [0.5]), 'f16': tensor('Half', [1], [0.5]), 'bf16': tensor('BFloat16', [1], [0x3f00]),
        'i8': tensor('Char', [1], [-8]), 'u8': tensor('Byte', [1], [200]), 'i16': tensor('Short', [1], [-300]),
        'i32': tensor('Int', [1], [-70000]), 'i64': tensor('Long', [1], [-2 ** 40]), 'bool': tensor('Bool', [2], [1, 0]),
        'q32': tensor('QInt32', [1], [-9], quantizer=(PER_TENSOR, 1.0, 0)), 'empty': tensor('Float', [0, 3], [])})
    save(path('other.pt'), {'conv.weight': floats(1, 2), 'steps': 3})
    save(path('class.pt'), {'net': NET(), **weight})
    save(path('tuple.pt'), (plain, plain))
    zipfile.ZIP64_LIMIT = 0  # so that every size and place is one of 64 bits
    zipfile.ZIP_FILECOUNT_LIMIT = 0
    save(path('zip64.pt'), plain)


if __name__ == '__main__':
    main(sys.argv[1])
