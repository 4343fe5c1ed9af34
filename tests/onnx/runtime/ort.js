// What the tests with ONNX Runtime share: .npy files, sessions, the ops of a model file.
const fs = require('fs'), path = require('path');
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

// The runtime's module in FOLDER/node_modules. `wide`: products of u8 and i8 do not saturate on machines without VNNI; files whose
// activations and weights are both i8 do not load so, and do not saturate.
function runtime(folder) {
  const ort = require('module').createRequire(path.resolve(folder, 'x.js'))('onnxruntime-node');
  const open = (model, level, optimized, wide) =>
      ort.InferenceSession.create(model, {logSeverityLevel: 3, graphOptimizationLevel: level,
                                          ...(wide ? {extra: {session: {x64quantprecision: '1'}}} : {}),
                                          ...(optimized ? {optimizedModelFilePath: optimized} : {})});
  const tensor = t => new ort.Tensor(t.type, t.data, t.dims);
  return {open, tensor};
}

// The fields of a message, as functions of their number and bytes.
function fields(bytes, see) {
  let at = 0;
  const number = () => {
    for (let value = 0, factor = 1;; factor *= 128) {
      const c = bytes[at++];
      value += (c & 127) * factor;
      if (c < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = number(), wire = key % 8;
    if (wire === 0) number();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else {
      const size = number();
      see(Math.floor(key / 8), bytes.subarray(at, at += size));
    }
  }
}

// How many nodes of each op the model's graph has.
function ops(file) {
  const counts = {};
  fields(fs.readFileSync(file), (n, graph) => {
    if (n === 7) fields(graph, (k, node) => {
      if (k === 1) fields(node, (i, text) => { if (i === 4) counts[text] = (counts[text] || 0) + 1; });
    });
  });
  return counts;
}

module.exports = {npy, numbers, safe, runtime, ops};
