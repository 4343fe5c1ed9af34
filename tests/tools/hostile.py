"""Small files that ask for much: each goes through ir-opt with the default limits, and must end soon, with an error of
the limits or without one, in less than a gigabyte.   usage: hostile.py IR-OPT [-v]

What counts is the processor's time and the peak of memory of the command, with room above what they are: a file that
is not limited takes minutes or tens of gigabytes."""
import os
import resource
import subprocess
import sys
import tempfile

SECONDS, BYTES = 10, 1 << 30

FILL = 'fill("w", -1.0, 1.0)'


def gir(tensors, nodes, inputs='', more='', out='%y'):
    return ('graft 1\n' + ''.join(f'tensor {t}\n' for t in tensors) + f'graph main({inputs}) {{\n' +
            ''.join(f'  {n}\n' for n in nodes) + f'  return {out}\n}}\n' + more)


def one(shape, node, kind='parameter'):
    return gir([f'%w: f32[{shape}] {kind} = {FILL}'], [node])


QUANTIZE = 'prepare{per-channel=true},convert'
CASES = {}


def case(name, text, *commands):
    CASES[name] = (text, commands)


# Fills, through each pass that reads weights.
for size, label in ((8000, 'some'), (14000, 'many')):
    net = gir([f'%w: f32[{size}, {size}, 1, 1] parameter = {FILL}'], ['%a = conv2d(%x, %w)', '%y = relu(%a)'],
              f'%x: f32[1, {size}, 2, 2]')
    case(f'{label} weights', net, ['--passes', QUANTIZE], ['--passes', 'prepare-qat{per-channel=true},to-eval,convert'],
         ['--passes', 'prepare{quantizer=onednn},convert'], ['--passes', 'equalize'], ['--passes', 'cse,dce'],
         ['-o', 'o.onnx'], ['-o', 'o.gfb'], ['-o', 'o.gir'], ['--inline-data'], ['--emit', 'json'],
         ['--save-state', 'o.safetensors'], ['--export-state', 'state'], ['--passes', QUANTIZE + ',lower', '-o', 'o.gfb'])
case('equal fills', gir([f'%w{i}: f32[30000000] constant = fill("w", 0.0, 1.0)' for i in range(20)],
                        [f'%a{i} = add(%x, %w{i})' for i in range(20)] + ['%y = cat(' + ', '.join(f'%a{i}' for i in range(20)) +
                                                                         ') {dim: 0}'], '%x: f32[30000000]'),
     ['--passes', 'cse'], ['--passes', 'canonicalize'], ['--passes', 'fold-constants{max-elements=1000000000}'],
     ['-o', 'o.gfb'], ['-o', 'o.onnx'])
# Expansions and what is computed of them.
W1 = ['%w: f32[1] constant = [1]']
FOLD = ['--passes', 'fold-constants{max-elements=1000000000000}']
BOTH = (FOLD, ['--passes', 'fold-constants'], ['--passes', 'canonicalize'], ['--passes', QUANTIZE])


def computed(name, *nodes, tensors=W1, passes=BOTH):
    case(name, gir(tensors, nodes), *passes)


E = '%e = expand(%w) {size: [4000, 4000]}'
computed('matmul', E, '%y = matmul(%e, %e)')
computed('einsum', E, '%y = einsum(%e, %e) {equation: "ij,kj->"}')
computed('einsum, many labels', '%e = expand(%w) {size: [40, 40, 40, 40]}',
         '%y = einsum(%e, %e) {equation: "abcd,efgh->abcdefgh"}')
computed('conv', '%e = expand(%w) {size: [1, 1, 3000, 3000]}', '%k = expand(%w) {size: [1, 1, 1500, 1500]}',
         '%y = conv2d(%e, %k)')
computed('pool', '%e = expand(%w) {size: [1, 1, 4000, 4000]}',
         '%y = max_pool2d(%e) {kernel_size: [2000, 2000], stride: [1, 1]}')
computed('average', '%e = expand(%w) {size: [1, 1, 4000, 4000]}',
         '%y = avg_pool2d(%e) {kernel_size: [2000, 2000], stride: [1, 1]}')
computed('adaptive', '%e = expand(%w) {size: [1, 1, 4000, 4000]}', '%y = adaptive_avg_pool2d(%e) {output_size: [3999, 3999]}')
computed('repeated', *[f'%e{i} = cat(%e{i - 1}, %e{i - 1}) {{dim: 0}}' if i else '%e0 = expand(%w) {size: [2]}'
                       for i in range(40)], '%y = mean(%e39)')
computed('chain of exponentials', E, *[f'%a{i} = exp(%{"a%d" % (i - 1) if i else "e"})' for i in range(200)],
         '%y = mean(%a199)')
computed('erf', E, *[f'%a{i} = erf(%{"a%d" % (i - 1) if i else "e"})' for i in range(200)], '%y = mean(%a199)')
computed('chain of powers', E, *[f'%a{i} = pow(%{"a%d" % (i - 1) if i else "e"}, 1.5)' for i in range(200)],
         '%y = mean(%a199)')
computed('sums along many axes', '%e = expand(%w) {size: [9, 9, 9, 9, 9, 9, 9, 9]}',
         *[f'%s{i} = sum(%e) {{dim: [0, 2, 4, 6]}}' for i in range(30)], '%y = add(%s0, %s29)')
computed('sorted', '%e = expand(%w) {size: [30000000]}', '%y, %i = topk(%e) {k: 30000000}')
computed('cumulated', '%e = expand(%w) {size: [10000, 10000]}', *[f'%c{i} = cumsum(%e) {{dim: 0}}' for i in range(20)],
         '%y = add(%c0, %c19)')
computed('softmax', E, *[f'%a{i} = softmax(%{"a%d" % (i - 1) if i else "e"}) {{dim: 0}}' for i in range(100)],
         '%y = mean(%a99)')
# What is begun anew for each of many small rows or matrices, and functions that are dear in f64.
ROWS = '%e = expand(%w) {size: [4000000, 1, 1]}'


def repeated(name, node, rows=ROWS, more=(), tensors=W1, count=40):
    computed(name, rows, *more, *[node.replace('@', str(i)) for i in range(count)], '%y = mean(%y0)', tensors=tensors,
             passes=(FOLD,))


repeated('rows of one', '%y@ = layer_norm(%e) {normalized_shape: [1]}')
repeated('matrices of one', '%y@ = matmul(%e, %e)')
repeated('attention of one', '%y@ = scaled_dot_product_attention(%e, %e, %e)')
repeated('broadcast pairs', '%y@ = add(%e, %h)', '%e = expand(%w) {size: [4000000, 2]}',
         ['%h = slice(%e) {dim: 0, end: 1}'])
repeated('groups of one', '%y@ = conv2d(%e, %k) {groups: 4000000}', '%e = expand(%w) {size: [1, 4000000, 1, 1]}',
         ['%k = expand(%w) {size: [4000000, 1, 1, 1]}'])
repeated('many steps', '%y@ = lstm(%e, %i, %h)', more=['%i = expand(%w) {size: [1, 4, 1]}', '%h = expand(%w) {size: [1, 4, 1]}'])
repeated('scattered', '%y@ = scatter(%e, %i, %e) {dim: 0}', more=['%i = expand(%z) {size: [4000000, 1, 1]}'],
         tensors=W1 + ['%z: i64[1] constant = [0]'])
repeated('softplus in f64', '%y@ = softplus(%e)', tensors=['%w: f64[1] constant = [0.5]'])
repeated('windows of powers', '%y@ = lp_pool2d(%e) {kernel_size: [3, 3], stride: [1, 1], norm_type: 1.5}',
         '%e = expand(%w) {size: [1, 1, 1000, 1000]}')
# What flows back.
S = '%s = expand(%w) {size: [1, 1, 1500, 1500]}'
computed('conv_backward_input', '%d = expand(%w) {size: [1, 1, 1501, 1501]}', S, '%l = expand(%w) {size: [1, 1, 3000, 3000]}',
         '%y = conv_backward_input(%d, %s, %l) {stride: [1, 1], padding: [0, 0], dilation: [1, 1]}')
computed('conv_backward_weight', '%d = expand(%w) {size: [1, 1, 1501, 1501]}', S, '%x = expand(%w) {size: [1, 1, 3000, 3000]}',
         '%y = conv_backward_weight(%d, %x, %s) {stride: [1, 1], padding: [0, 0], dilation: [1, 1]}')
# Graphs and names.
case('many passes', one('4', '%y = relu(%w)'), ['--passes', ','.join(['cse', 'dce', 'canonicalize'] * 500)])
case('deep commutative tree',
     gir([], [f'%a{i} = add(%{"a%d" % (i - 1) if i else "x"}, %{"a%d" % (i - 1) if i else "x"})' for i in range(150)],
         '%x: f32[4]', out='%a149'), ['--passes', 'canonicalize'], ['--passes', QUANTIZE])

def run(ir_opt, folder, name, text, command):
    path = os.path.join(folder, 'in.gir')
    with open(path, 'w') as f:
        f.write(text)
    assert len(text) < 10000, name

    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (4 * SECONDS, 4 * SECONDS))
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 30, 4 << 30))

    p = subprocess.Popen([ir_opt, path] + command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                         preexec_fn=limit)
    said = p.stderr.read().decode(errors='replace')
    _, status, used = os.wait4(p.pid, 0)
    p.returncode = status
    return status, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, said


def main():
    ir_opt, verbose = os.path.abspath(sys.argv[1]), '-v' in sys.argv
    bad = 0
    for name, (text, commands) in CASES.items():
        for command in commands:
            with tempfile.TemporaryDirectory() as folder:
                status, seconds, memory, said = run(ir_opt, folder, name, text, command)
            ok = seconds < SECONDS and memory < BYTES and os.WIFEXITED(status) and os.WEXITSTATUS(status) in (0, 1)
            bad += not ok
            if verbose or not ok:
                print(f'{"ok  " if ok else "FAIL"} {name}: {" ".join(command)[:60]}: {seconds:.1f} s, {memory >> 20} MiB, '
                      f'status {status >> 8}.{status & 255}: {said.splitlines()[0][:150] if said else ""}', flush=True)
    return bad != 0


if __name__ == '__main__':
    sys.exit(main())
