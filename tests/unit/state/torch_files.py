#!/usr/bin/env python3
"""PyTorch writes checkpoints, and ir-opt loads them; PyTorch reads those that make.py wrote, and what ir-opt saved.
usage: torch_files.py IR_OPT FOLDER. Exit status 77: there is no PyTorch here."""
import glob, json, os, struct, subprocess, sys, tempfile

try:
    import numpy
    import torch
except ImportError:
    print('no PyTorch here: skipped')
    sys.exit(77)

opt, folder = os.path.realpath(sys.argv[1]), os.path.realpath(sys.argv[2])
net = torch.nn.ModuleDict({'conv': torch.nn.Conv2d(2, 3, 3), 'bn': torch.nn.BatchNorm2d(3), 'fc': torch.nn.Linear(3, 4)})
torch.manual_seed(1)
for tensor in net.state_dict().values():
    if tensor.is_floating_point():
        tensor.uniform_(0.5, 2)

TEXT = '''graft 1
%s
graph main(%%x: f32[1, 2, 5, 5]) {
  %%c = conv2d(%%x, %%conv.weight, %%conv.bias): f32[1, 3, 3, 3]
  %%b = batch_norm(%%c, %%bn.weight, %%bn.bias, %%bn.running_mean, %%bn.running_var, %%bn.num_batches_tracked): f32[1, 3, 3, 3]
  %%m = mean(%%b) {dim: [2, 3]}: f32[1, 3]
  %%y = linear(%%m, %%fc.weight, %%fc.bias): f32[1, 4]
  return %%y
}
'''
lines = ['tensor %%%s: %s%s buffer = %s' % (k, 'f32' if v.is_floating_point() else 'i64', list(v.shape),
                                          'fill("%s", -1.0, 1.0)' % k if v.is_floating_point() else '0')
         for k, v in net.state_dict().items()]
failed = 0


def fail(what, run=None):
    global failed
    failed += 1
    print('FAIL', what, run.stderr if run else '')


def load(what, options=()):
    return subprocess.run([opt, 'net.gir', '--load-state', 'a.pt', '--export-state', 'state', *options],
                          capture_output=True, text=True)


def same(what, saved, wanted, options=(), **how):
    torch.save(saved, 'a.pt', **how)
    run = load(what, options)
    if run.returncode:
        return fail(what, run)
    for key, value in wanted.items():
        have = torch.from_numpy(numpy.load('state/%s.npy' % key)).reshape(value.shape)
        if not torch.equal(have, value.detach().to(have.dtype)):
            fail(what + ': ' + key)


def refused(what, text, write):
    write()
    run = load(what)
    if run.returncode != 1 or text not in run.stderr:
        fail(what, run)


def safetensors(path):
    data = open(path, 'rb').read()
    size = struct.unpack('<Q', data[:8])[0]
    for key, e in json.loads(data[8:8 + size]).items():
        begin, end = e['data_offsets']
        values = numpy.frombuffer(data[8 + size + begin:8 + size + end], {'F32': 'f4', 'I64': 'i8'}[e['dtype']])
        yield key, torch.from_numpy(values.copy()).reshape(e['shape'])


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    open('net.gir', 'w').write(TEXT % '\n'.join(lines))
    state = net.state_dict()
    for protocol in (2, 3, 4, 5):
        same('protocol %d' % protocol, state, state, pickle_protocol=protocol)
    optimizer = torch.optim.Adam(net.parameters())
    sum(p.sum() for p in net.parameters()).backward()
    optimizer.step()
    state = net.state_dict()
    checkpoint = {'epoch': 3, 'state_dict': state, 'optimizer': optimizer.state_dict(), 'loss': 0.5}
    same('a checkpoint', checkpoint, state)
    same('one of two', {'model': state, 'ema': {k: v * 2 for k, v in state.items()}},
         {k: v * 2 for k, v in state.items()}, ['--state-dict', 'ema'])
    same('DataParallel', torch.nn.DataParallel(net).state_dict(), state, ['--state-prefix', 'module.'])
    half = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    same('halves', half, half)
    same('bfloat16', {k: v.bfloat16() if v.is_floating_point() else v for k, v in state.items()},
         {k: v.bfloat16() if v.is_floating_point() else v for k, v in state.items()})
    base = torch.randn(100)
    views = dict(state)
    views.update({'bn.weight': base[10:40:10], 'bn.bias': base[5:8], 'fc.weight': torch.randn(3, 4).t(),
                  'fc.bias': torch.nn.Parameter(torch.randn(1).expand(4)),
                  'conv.weight': torch.randn(3, 2, 3, 3).to(memory_format=torch.channels_last)})
    same('views', views, views)
    refused('a module', 'refuses global', lambda: torch.save(net, 'a.pt'))
    refused('before 1.6', 'before version 1.6', lambda: torch.save(state, 'a.pt', _use_new_zipfile_serialization=False))
    refused('TorchScript', 'TorchScript', lambda: torch.jit.script(torch.nn.Linear(2, 3)).save('a.pt'))

    torch.save(state, 'a.pt')
    run = subprocess.run([opt, 'net.gir', '--load-state', 'a.pt', '--save-state', 'b.safetensors'], capture_output=True, text=True)
    back = dict(safetensors('b.safetensors')) if run.returncode == 0 else {}
    if back.keys() != state.keys() or any(not torch.equal(back[k], v) for k, v in state.items()):
        fail('saved again', run)

    for path in sorted(glob.glob(folder + '/*.pt')):
        if os.path.basename(path) != 'class.pt':
            torch.load(path)
    quantized = torch.load(folder + '/quantized.pt')
    if quantized['fc.weight'].dequantize().tolist() != [[-1.0, 0.5], [-0.25, 1.5]]:
        fail('quantized.pt: PyTorch sees other numbers')
    if torch.load(folder + '/version1.pt')._metadata['conv']['version'] != 1:
        fail('version1.pt: PyTorch sees another version')

print('ok' if not failed else '%d failed' % failed)
sys.exit(failed != 0)
