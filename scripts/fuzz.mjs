// Mutates model files and sees that each ends in a graph or a coded diagnostic, in time and in little memory:
//   npm run fuzz -- [N] [--kind torchscript|onnx|all] [--seed S] [--from K] [--workers W] [--seconds T] [--megabytes M]
// Case K of seed S is always the same mutation: `--seed S --from K 1` repeats a failure. The seeds of mutation are small models
// that are made in memory (fuzz-seeds.mjs). A worker's heap is limited: a case that needs more ends it, and is found by itself.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { runPool } from './pool.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kind: { type: 'string', default: 'all' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
    workers: { type: 'string', default: String(availableParallelism()) },
    seconds: { type: 'string', default: '10' },
    megabytes: { type: 'string', default: '300' },
  },
});
const [count = '2000'] = positionals;
const KINDS = { torchscript: ['torchscript'], onnx: ['onnx'], all: ['torchscript', 'onnx'] };
const numbers = [count, values.seed, values.from, values.workers, values.seconds, values.megabytes].map(
  Number,
);
if (positionals.length > 1 || KINDS[values.kind] === undefined || numbers.some((n) => !(n >= 0))) {
  console.error(
    'usage: npm run fuzz -- [N] [--kind torchscript|onnx|all] [--seed S] [--from K] [--workers W]',
  );
  process.exit(2);
}
const [total, seed, from, workers, seconds, megabytes] = numbers;

/** Cases of one message to a worker: a case that never ends costs the worker, and the rest of its batch is given out again. */
const BATCH = 50;
const codes = new Map();
let failures = 0;
const started = process.hrtime.bigint();

function fail(kind, index, reason) {
  failures++;
  console.log(`FAIL ${kind} case ${index}: ${reason}`);
  console.log(`     npm run fuzz -- 1 --kind ${kind} --seed ${seed} --from ${index}`);
}

function batches(kind, first, end, size) {
  const list = [];
  for (let at = first; at < end; at += size)
    list.push({ kind, seed, from: at, to: Math.min(end, at + size) });
  return list;
}

/** Runs batches; those that end their worker are run again case by case, so that the one at fault is found. */
async function run(items, alone) {
  const again = [];
  await runPool(items, {
    script: new URL('./fuzz-worker.mjs', import.meta.url),
    workers,
    seconds: alone ? seconds : seconds + BATCH,
    workerData: { megabytes, seconds },
    resourceLimits: { maxOldGenerationSizeMb: megabytes },
    failure: (reason) => ({ reason }),
    onResult: ({ kind, from: first, to }, { reason, ends = {}, bad = [] }) => {
      if (reason !== undefined && alone) fail(kind, first, reason);
      else if (reason !== undefined) again.push(...batches(kind, first, to, 1));
      for (const [code, n] of Object.entries(ends)) codes.set(code, (codes.get(code) ?? 0) + n);
      for (const { index, why } of bad) fail(kind, index, why);
    },
  });
  return again;
}

for (const kind of KINDS[values.kind]) {
  const again = await run(batches(kind, from, from + total, BATCH), false);
  if (again.length > 0) await run(again, true);
}
const took = Number(process.hrtime.bigint() - started) / 1e9;
const rows = [...codes].sort((a, b) => b[1] - a[1]).map(([code, n]) => `${code} ${n}`);
console.log(rows.join(', '));
console.log(`${total} cases a kind, seed ${seed}, ${took.toFixed(0)} s: ${failures} failures`);
process.exitCode = failures > 0 ? 1 : 0;
