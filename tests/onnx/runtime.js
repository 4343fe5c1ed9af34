// runtime.js RUNTIME EXPORTED CASES...: ONNX Runtime (the module in folder RUNTIME/node_modules) runs what graft wrote.
//
// EXPORTED has a file CASE.onnx for each case that was written (export -o); a case is a folder CASES/CASE with in.NAME.npy,
// out.NAME.npy and perhaps `tolerance`. Outputs must agree within that, else within 1e-4 of the largest value (half precision:
// 2e-3). What trains is left out: the runtime's inference build does not.
const fs = require('fs'), path = require('path'), module_ = require('module');
const [folder, exported, ...cases] = process.argv.slice(2);
const ort = module_.createRequire(path.resolve(folder, 'x.js'))('onnxruntime-node');
const types = {f4: ['float32', Float32Array], f8: ['float64', Float64Array], i1: ['int8', Int8Array], u1: ['uint8', Uint8Array],
               i2: ['int16', Int16Array], u2: ['uint16', Uint16Array], i4: ['int32', Int32Array], i8: ['int64', BigInt64Array],
               b1: ['bool', Uint8Array], f2: ['float16', Uint16Array]};

function npy(file) {
  const b = fs.readFileSync(file), size = b[6] === 1 ? b.readUInt16LE(8) : b.readUInt32LE(8), at = b[6] === 1 ? 10 : 12;
  const head = b.toString('latin1', at, at + size), code = /'descr': *'[<|]?(\w\d)'/.exec(head)[1];
  const dims = /'shape': *\(([^)]*)\)/.exec(head)[1].split(',').map(s => s.trim()).filter(Boolean).map(Number);
  const bytes = new Uint8Array(b.subarray(at + size)), array = new types[code][1](bytes.buffer);
  return {type: types[code][0], dims, data: array};
}

function half(h) {
  const e = h >> 10 & 31, f = h & 1023, s = h & 0x8000 ? -1 : 1;
  return e === 31 ? (f ? NaN : s * Infinity) : s * (e ? 2 ** (e - 15) * (1 + f / 1024) : 2 ** -14 * f / 1024);
}

const numbers = t => Array.from(t.data, v => t.type === 'float16' ? half(v) : Number(v));
const safe = name => name.replace(/[^A-Za-z0-9._-]/g, '_');

async function run(model, dir) {
  const session = await ort.InferenceSession.create(model, {logSeverityLevel: 3, graphOptimizationLevel: 'disabled'});
  const files = fs.readdirSync(dir), feeds = {};
  for (const f of files) {
    if (!/^in\..*\.npy$/.test(f)) continue;
    const t = npy(path.join(dir, f)), name = session.inputNames.find(n => safe(n) === f.slice(3, -4));
    if (!name) throw Error(`no input for ${f}`);
    feeds[name] = new ort.Tensor(t.type, t.data, t.dims);
  }
  const given = files.includes('tolerance') ? Number(fs.readFileSync(path.join(dir, 'tolerance'), 'utf8')) : 0;
  const results = await session.run(feeds);
  for (const f of files) {
    if (!/^out\..*\.npy$/.test(f)) continue;
    const want = npy(path.join(dir, f)), name = session.outputNames.find(n => safe(n) === f.slice(4, -4)), got = results[name];
    if (!got) throw Error(`no output for ${f}`);
    if (String(got.dims) !== String(want.dims)) throw Error(`${f}: shape ${got.dims}, wanted ${want.dims}`);
    const a = numbers(got), b = numbers(want), top = Math.max(...b.map(Math.abs).filter(isFinite), 0) || 1;
    const most = Math.max(given, got.type === 'float16' ? 2e-3 : 1e-4) * top;
    const bad = a.findIndex((v, i) => !(Math.abs(v - b[i]) <= most || v === b[i] || (v !== v && b[i] !== b[i])));
    if (bad >= 0) throw Error(`${f}: element ${bad} is ${a[bad]}, wanted ${b[bad]}`);
  }
}

(async () => {
  let passed = 0, failed = 0, left = 0;
  for (const root of cases)
    for (const name of fs.readdirSync(root).sort()) {
      const model = path.join(exported, name + '.onnx');
      if (!fs.existsSync(model) || /train/.test(name)) { left++; continue; }
      try {
        await run(model, path.join(root, name));
        passed++;
      } catch (e) {
        failed++;
        console.log(`FAIL ${name}: ${String(e.message).split('\n')[0]}`);
      }
    }
  console.log(`${passed} passed, ${failed} failed, ${left} not run`);
  process.exit(failed || !passed ? 1 : 0);
})();
