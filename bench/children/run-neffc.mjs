// Runs an artifact with data on one simulated core. Prints the time of each request and the outputs.
// Usage: node run-neffc.mjs ARTIFACT REQUESTS
import { built } from '../lib/context.mjs';
import { inputValues } from '../lib/inputs.mjs';

const { readArtifactFile } = await built('artifact/read');
const { makeTensor } = await built('base/tensor');
const { loadArtifact } = await built('runtime/load');
const { runRequest } = await built('runtime/request');

const [path, requests] = process.argv.slice(2);
const artifact = readArtifactFile(path);
const loaded = loadArtifact(artifact, { checks: 'once' });
const inputs = new Map(
  artifact.manifest.models[0].inputs.map(({ name, shape }, i) => [
    name,
    makeTensor('f32', shape, new Uint8Array(inputValues(shape, i).buffer)),
  ]),
);
const times = [];
let outputs;
for (let i = 0; i < Number(requests); i++) {
  const start = performance.now();
  ({ outputs } = runRequest(loaded, inputs));
  times.push(performance.now() - start);
}
const base64 = ({ data }) => Buffer.from(data).toString('base64');
console.log(JSON.stringify({ times, outputs: [...outputs.values()].map(base64) }));
