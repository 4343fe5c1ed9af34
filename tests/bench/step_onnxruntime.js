// step_onnxruntime.js FOLDER FILE THREADS: what step.c is, with ONNX Runtime of FOLDER/node_modules.
const path = require('path'), module_ = require('module'), readline = require('readline');
const [folder, file, threads] = process.argv.slice(2);
const ort = module_.createRequire(path.resolve(folder, 'x.js'))('onnxruntime-node');

(async () => {
  const lines = readline.createInterface({input: process.stdin})[Symbol.asyncIterator]();
  console.log('ready');
  await lines.next();
  const session = await ort.InferenceSession.create(file, {logSeverityLevel: 3, intraOpNumThreads: Number(threads), interOpNumThreads: 1});
  const feeds = {};
  for (const input of session.inputMetadata) {
    const data = new Float32Array(input.shape.reduce((a, b) => a * b, 1));
    for (let i = 0; i < data.length; i++) data[i] = Math.random() * 4.7 - 2.1;
    feeds[input.name] = new ort.Tensor('float32', data, input.shape);
  }
  console.log('open');
  for await (const line of lines) {
    const times = [];
    for (let i = Number(line); i > 0; i--) {
      const start = process.hrtime.bigint();
      await session.run(feeds);
      times.push((Number(process.hrtime.bigint() - start) / 1000).toFixed(1));
    }
    console.log(times.join(' '));
  }
})();
