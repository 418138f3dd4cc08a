// A worker of the fuzzer: a message is a range of cases, the answer is how they ended. Model files are only read and imported:
// nothing is compiled.
import { parentPort, workerData } from 'node:worker_threads';
import { NeffcError } from '../dist/base/diagnostic.js';
import { importOnnx } from '../dist/frontend/onnx/import.js';
import { readOnnxModel } from '../dist/frontend/onnx/proto/read.js';
import { readTorchArchive } from '../dist/frontend/torchscript/archive/read.js';
import { importTorchScript } from '../dist/frontend/torchscript/import.js';
import { mutated } from './fuzz-mutate.mjs';
import { SEEDS } from './fuzz-seeds.mjs';

const { megabytes, seconds } = workerData;
const limit = megabytes * 2 ** 20;

const LOAD = {
  torchscript: (bytes, inputShapes) =>
    importTorchScript(readTorchArchive(bytes, { file: 'model.pt' }), { file: 'model.pt', inputShapes }),
  onnx: (bytes, inputShapes) => {
    const model = readOnnxModel(bytes, { file: 'model.onnx' });
    return importOnnx(model, { file: 'model.onnx', inputShapes });
  },
};

/** Memory that grows while a case runs is the case's. */
function grown(run) {
  const before = process.memoryUsage();
  const result = run();
  const after = process.memoryUsage();
  const used = after.heapUsed + after.external - before.heapUsed - before.external;
  return { result, used };
}

/** The code of the first diagnostic, or `ok`; anything else that is thrown is a failure. */
function ending(load, bytes, shapes) {
  try {
    load(bytes, shapes);
    return { code: 'ok' };
  } catch (error) {
    const code = error instanceof NeffcError ? error.diagnostics[0]?.code : undefined;
    if (code !== undefined && !code.startsWith('E1')) return { code };
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { why: text.split('\n').slice(0, 4).join(' | ') };
  }
}

parentPort.on('message', ({ kind, seed, from, to }) => {
  const ends = {};
  const bad = [];
  for (let index = from; index < to; index++) {
    const model = SEEDS[kind][index % SEEDS[kind].length];
    const bytes = mutated(kind, model, seed, index);
    const begun = process.hrtime.bigint();
    const { result, used } = grown(() => ending(LOAD[kind], bytes, model.shapes));
    const took = Number(process.hrtime.bigint() - begun) / 1e9;
    if (result.code !== undefined) ends[result.code] = (ends[result.code] ?? 0) + 1;
    if (result.why !== undefined) bad.push({ index, why: result.why });
    if (took > seconds) bad.push({ index, why: `it took ${took.toFixed(1)} s` });
    if (used > limit) bad.push({ index, why: `it took ${Math.round(used / 2 ** 20)} MB` });
  }
  parentPort.postMessage({ ends, bad });
});
