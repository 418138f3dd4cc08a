// Times simulateTiming on an artifact's `main`. Usage: node run-timing.mjs ARTIFACT
import { built } from '../lib/context.mjs';

const { readArtifactFile } = await built('artifact/read');
const { simulateTiming } = await built('sim/simulate');

const EXECUTIONS = 5;
const start = performance.now();
const { program, manifest } = readArtifactFile(process.argv[2]);
const readMs = performance.now() - start;
const times = [];
for (let i = 0; i < EXECUTIONS; i++) {
  const from = performance.now();
  simulateTiming(program, 'main', manifest.target);
  times.push(performance.now() - from);
}
console.log(JSON.stringify({ readMs, times }));
