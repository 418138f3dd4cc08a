// Runs a model with onnxruntime-web on one thread. Prints the time of each request and the outputs.
// Usage: node run-web.mjs REQUESTS MODEL SHAPES (JSON, of each input)
import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-web';
import { inputValues } from '../lib/inputs.mjs';

ort.env.wasm.numThreads = 1;
const [requests, path, shapes] = process.argv.slice(2);
const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(path)));
const inputs = Object.fromEntries(
  JSON.parse(shapes).map((shape, i) => [
    session.inputNames[i],
    new ort.Tensor('float32', inputValues(shape, i), shape),
  ]),
);
const times = [];
let outputs;
for (let i = 0; i < Number(requests); i++) {
  const start = performance.now();
  outputs = await session.run(inputs);
  times.push(performance.now() - start);
}
const base64 = ({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
console.log(JSON.stringify({ times, outputs: session.outputNames.map((name) => base64(outputs[name])) }));
