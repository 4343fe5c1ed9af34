// cases.js RUNTIME EXPORTED CASES...: ONNX Runtime (the module in folder RUNTIME/node_modules) runs what graft wrote.
//
// EXPORTED has a file CASE.onnx for each case that was written (export -o); a case is a folder CASES/CASE with in.NAME.npy,
// out.NAME.npy and perhaps `tolerance`. Outputs must agree within that, else within 1e-4 of the largest value (half precision:
// 2e-3). What trains is left out: the runtime's inference build does not.
const fs = require('fs'), path = require('path'), {npy, numbers, safe, runtime} = require('./ort.js');
const [folder, exported, ...cases] = process.argv.slice(2), {open, tensor} = runtime(folder);

// The largest error of an output, as a part of its largest value.
async function run(model, dir) {
  const session = await open(model, 'disabled');
  const files = fs.readdirSync(dir), feeds = {};
  for (const f of files) {
    if (!/^in\..*\.npy$/.test(f)) continue;
    const name = session.inputNames.find(n => safe(n) === f.slice(3, -4));
    if (!name) throw Error(`no input for ${f}`);
    feeds[name] = tensor(npy(path.join(dir, f)));
  }
  const given = files.includes('tolerance') ? Number(fs.readFileSync(path.join(dir, 'tolerance'), 'utf8')) : 0;
  const results = await session.run(feeds);
  let worst = 0;
  for (const f of files) {
    if (!/^out\..*\.npy$/.test(f)) continue;
    const want = npy(path.join(dir, f)), name = session.outputNames.find(n => safe(n) === f.slice(4, -4)), got = results[name];
    if (!got) throw Error(`no output for ${f}`);
    if (String(got.dims) !== String(want.dims)) throw Error(`${f}: shape ${got.dims}, wanted ${want.dims}`);
    const a = numbers(got), b = numbers(want), top = Math.max(...b.map(Math.abs).filter(isFinite), 0) || 1;
    const most = Math.max(given, got.type === 'float16' ? 2e-3 : 1e-4);
    a.forEach((v, i) => {
      if (v === b[i] || (v !== v && b[i] !== b[i])) return;
      const error = Math.abs(v - b[i]) / top;
      if (!(error <= most)) throw Error(`${f}: element ${i} is ${v}, wanted ${b[i]}`);
      worst = Math.max(worst, error);
    });
  }
  return worst;
}

(async () => {
  let passed = 0, close = 0, failed = 0, left = 0;
  for (const root of cases)
    for (const name of fs.readdirSync(root).sort()) {
      const model = path.join(exported, name + '.onnx');
      if (!fs.existsSync(path.join(root, name, 'model.onnx'))) continue;
      if (!fs.existsSync(model) || /train/.test(name)) { left++; continue; }
      try {
        close += await run(model, path.join(root, name)) <= 1e-5;
        passed++;
      } catch (e) {
        failed++;
        console.log(`FAIL ${name}: ${String(e.message).split('\n')[0]}`);
      }
    }
  console.log(`${passed} passed (${close} within 1e-5 of the largest value), ${failed} failed, ${left} not run`);
  process.exit(failed || !passed ? 1 : 0);
})();
