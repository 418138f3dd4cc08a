// Compile time and peak memory against ONNX Runtime's session creation, each a whole process from start to end, taken in turns.
import { join } from 'node:path';
import { jsonOf, runChild } from './child.mjs';
import { CLI, child, ROOT } from './context.mjs';
import { versionOf } from './machine.mjs';
import { mb, median, ms, note, printTable, times } from './print.mjs';

export const title = 'Compile ResNet-50 (whole process, wall time; fp32, inf2)';

export async function run(context) {
  const model = await context.resnet(1);
  const out = join(ROOT, 'bench', 'results', 'compile.neff');
  const version = versionOf('onnxruntime-node');
  if (version === undefined) note('onnxruntime-node is not installed: no ratio');
  const [ours, session] = [[], []];
  for (let i = 0; i < context.rounds; i++) {
    ours.push(await runChild(CLI, ['compile', model, '-o', out]));
    if (version !== undefined) session.push(await jsonOf(child('ort-session'), [model]));
  }
  const row = (name, runs) => [
    name,
    ms(median(runs.map((r) => r.wallMs))),
    ms(median(runs.map((r) => r.cpuMs))),
    mb(median(runs.map((r) => r.peakBytes))),
    runs === ours && version !== undefined
      ? times(median(ours.map((r, i) => r.wallMs / session[i].wallMs)))
      : '',
  ];
  const rows = [['', 'wall', 'processor', 'peak memory', 'ratio'], row('neffc compile', ours)];
  if (version !== undefined) rows.push(row(`session creation, onnxruntime-node ${version}`, session));
  printTable(rows);
  if (version !== undefined)
    note(`InferenceSession.create alone: ${ms(median(session.map((r) => r.createMs)))}`);
}
