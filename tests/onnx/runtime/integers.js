// integers.js RUNTIME BUILD SOURCE [MODEL.onnx[:INPUT.npy]]...: ONNX Runtime runs quantized networks as graft does.
//
// The digits network, quantized on its training images, as QDQ and as QOperator file, activations i8 and u8, at all levels of
// optimization (of u8 integer ops those that keep sums from saturating where there is no VNNI): the same classes on all test
// images, logits within 2 steps, and, optimized, no convolution in float. The ops of
// tests/golden/to-onnx within one step. Of the other models: the runtime's own optimized graph of the QDQ file
// has a QLinearConv for each convolution.
const fs = require('fs'), os = require('os'), path = require('path'), {execFileSync} = require('child_process');
const {npy, numbers, safe, runtime, ops} = require('./ort.js');
const [folder, build, source, ...models] = process.argv.slice(2), {open, tensor} = runtime(folder);
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'graft-')), at = name => path.join(dir, name);
const command = name => (...args) => execFileSync(path.join(build, 'tools', name), args, {stdio: ['ignore', 'pipe', 'ignore']});
const irOpt = command('ir-opt'), irRun = command('ir-run');
let failed = 0;

function check(name, good, text) {
  if (!good) failed++;
  console.log(`${good ? 'ok' : 'FAIL'} ${name}: ${text}`);
}

function quantize(model, input) {
  irOpt(model, '--passes', 'to-eval,prepare{per-channel=true,extended=true,weight-eps=1.2e-7}', '-o', at('prepared.gfb'));
  irRun(at('prepared.gfb'), ...input, '-o', at('observed.gfb'));
  irOpt(at('observed.gfb'), '--passes', 'convert', '-o', at('int8.gfb'));
}

// The forms of at('int8.gfb'): name, passes.
const forms = [['qdq', 'verify'], ['qdq-u8', 'u8-activations'], ['qoperator', 'lower'], ['qoperator-u8', 'u8-activations,lower']];

const argmax = (data, row, n) => data.slice(row * n, row * n + n).reduce((best, v, i, all) => v > all[best] ? i : best, 0);

async function digits() {
  const data = path.join(source, 'tests', 'data'), images = path.join(data, 'digits.test.x.npy');
  quantize(path.join(data, 'digits.onnx'), ['--input', `x=${path.join(data, 'digits.train.x.npy')}`]);
  irRun(at('int8.gfb'), '--input', `x=${images}`, '--output-dir', at('digits'));
  const want = numbers(npy(path.join(at('digits'), 'y.0.npy'))), levels = [...new Set(want)].sort((a, b) => a - b);
  const step = Math.min(...levels.slice(1).map((v, i) => v - levels[i]).filter(d => d > 1e-4));
  const feeds = {x: tensor(npy(images))}, rows = feeds.x.dims[0];
  for (const [form, passes] of forms) {
    irOpt(at('int8.gfb'), '--passes', passes, '-o', at('digits.onnx'));
    for (const level of form === 'qoperator-u8' ? ['extended', 'all'] : ['disabled', 'basic', 'extended', 'all']) {
      const y = (await (await open(at('digits.onnx'), level, at('digits.opt.onnx'), form !== 'qoperator')).run(feeds)).y, got = numbers(y), n = y.dims[1];
      const most = Math.max(...got.map((v, i) => Math.abs(v - want[i]) / step));
      let same = 0;
      for (let i = 0; i < rows; i++) same += argmax(got, i, n) === argmax(want, i, n);
      const counts = ops(at('digits.opt.onnx')), layers = (counts.QLinearConv || 0) === 4 && !counts.Conv;
      const optimized = level === 'extended' || level === 'all' || form.startsWith('qoperator');
      check(`digits ${form} ${level}`, same === rows && most < 2.01 && (layers || !optimized),
            `${same} of ${rows} classes, ${most.toFixed(2)} steps, ${counts.QLinearConv || 0} QLinearConv`);
    }
  }
}

function writeNpy(file, t) {
  const head = `{'descr': '<f4', 'fortran_order': False, 'shape': (${t.dims.join(', ')},), }`.padEnd(117) + '\n';
  const magic = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]);
  fs.writeFileSync(file, Buffer.concat([magic, Buffer.from(head), Buffer.from(t.data.buffer)]));
}

// What graft gives for the text, and the runtime for the file made of it: integers may be a step apart.
async function everyOp(name, opset = 17) {
  const text = fs.readFileSync(path.join(source, 'tests/golden/to-onnx', name + '.gir'), 'utf8').split('# ---- expected')[0];
  const feeds = {}, given = [];
  fs.writeFileSync(at('ops.gir'), text);
  irOpt(at('ops.gir'), '--opset', String(opset), '-o', at('ops.onnx'));
  for (const [, input, shape] of /graph main\((.*)\) \{/.exec(text)[1].matchAll(/%(\w+): f32\[([^\]]*)\]/g)) {
    const dims = shape.split(',').map(d => d.trim() === '?' ? 2 : Number(d)), n = dims.reduce((a, b) => a * b, 1);
    const t = {type: 'float32', dims, data: Float32Array.from({length: n}, (_, i) => Math.sin(i * 0.7 + given.length) * 1.2)};
    writeNpy(at(input + '.npy'), t);
    given.push('--input', `${input}=${at(input + '.npy')}`);
    feeds[input] = tensor(t);
  }
  irRun(at('ops.gir'), ...given, '--output-dir', at(name));
  const results = await (await open(at('ops.onnx'), 'disabled')).run(feeds);
  for (const output of Object.keys(results)) {
    const got = numbers(results[output]), want = numbers(npy(path.join(at(name), safe(output) + '.0.npy')));
    const top = results[output].type === 'float32' ? 1e-4 * Math.max(...want.map(Math.abs)) : 1;
    const most = Math.max(...got.map((v, i) => Math.abs(v - want[i]))), off = got.filter((v, i) => v !== want[i]).length;
    check(`${name} ${output}`, got.length === want.length && most <= top, `${off} of ${got.length} differ, by ${most} at most`);
  }
}

async function layers(spec) {
  const [model, input] = spec.split(':'), name = path.basename(path.dirname(model)) + '/' + path.basename(model);
  if (!fs.existsSync(model)) return;
  quantize(model, input ? ['--input', `x=${input}`] : ['--random', '1']);
  irOpt(at('int8.gfb'), '--passes', 'u8-activations', '-o', at('qdq.onnx'));
  await open(at('qdq.onnx'), 'extended', at('opt.onnx'), true);
  const before = ops(at('qdq.onnx')), after = ops(at('opt.onnx'));
  check(name, before.Conv > 0 && after.QLinearConv === before.Conv && !after.Conv,
        `${before.Conv} convolutions, ${after.QLinearConv || 0} QLinearConv, ${after.Conv || 0} left`);
}

(async () => {
  try {
    await digits();
    for (const name of ['qoperator', 'spelled_out', 'integers']) await everyOp(name);
    for (const name of ['sixteen_bits', 'sixteen_bits_selected']) await everyOp(name, 21);
    for (const m of models) await layers(m);
  } catch (e) {
    check('run', false, String(e.message).split('\n')[0]);
  }
  fs.rmSync(dir, {recursive: true});
  process.exit(failed ? 1 : 0);
})();
