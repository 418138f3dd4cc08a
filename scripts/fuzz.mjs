// Compiles mutated models as far as the passes: each must end in a graph or in a coded diagnostic.
//   npm run fuzz -- [N] [--kind torchscript|onnx] [--seed 1] [--only SEED [--out FILE]] [--seconds 20] [--megabytes 300] [--workers W]
// N is 2000 unless given. Case number i has the seed SEED + i, from which all of it follows. Failures are: any other
// exception, a bug of ours (E1xxx), no end in time, a process that dies, memory beyond the limit. `--only` repeats one case and
// says how it ends; `--out` keeps its file.

import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { FRONTENDS, fuzzCase } from './fuzz/cases.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kind: { type: 'string', default: 'torchscript' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    out: { type: 'string' },
    seconds: { type: 'string', default: '20' },
    megabytes: { type: 'string', default: '300' },
    workers: { type: 'string', default: String(availableParallelism()) },
  },
});
const [count = '2000', ...others] = positionals;
const frontend = values.kind;
if (FRONTENDS[frontend] === undefined || others.length > 0 || !(Number(count) >= 1)) {
  console.error('usage: npm run fuzz -- [N] [--kind torchscript|onnx] [--seed S] [--only SEED]');
  process.exit(2);
}
const only = values.only === undefined ? undefined : Number(values.only);
const first = only ?? Number(values.seed);
const cases = only === undefined ? Number(count) : 1;
const limits = { seconds: Number(values.seconds), megabytes: Number(values.megabytes) };

/** Garbage of many cases gathers: a process ends after so many. */
const CASES_PER_PROCESS = 2000;

/** Cases sent ahead, so that a process never waits for its parent. */
const AHEAD = 50;

/** A process, ready; `ask(seed)` gives a verdict, in which `peak` is the memory beyond that at the start, in MB. */
async function startProcess() {
  const child = fork(new URL('./fuzz/worker.mjs', import.meta.url), [frontend]);
  const answers = [];
  let waiting;
  const put = (answer) => {
    answers.push(answer);
    waiting?.();
  };
  child.on('message', put);
  child.on('exit', (code, signal) =>
    put({ verdict: 'failed', reason: `the process ended with ${signal ?? `code ${code}`}`, dead: true }),
  );
  const next = (seconds) =>
    new Promise((resolve) => {
      const late = { verdict: 'failed', reason: `no end in ${seconds} s`, dead: true };
      const timer = setTimeout(() => put(late), seconds * 1000);
      waiting = () => {
        clearTimeout(timer);
        waiting = undefined;
        resolve(answers.shift());
      };
      if (answers.length > 0) waiting();
    });
  const { ready, reason, peak: base } = await next(60);
  if (!ready) throw new Error(`fuzz: a process did not start: ${reason}`);
  return {
    send: (seed) => child.send(seed),
    /** The verdict of the seed sent longest ago. */
    answer: async () => {
      const result = await next(limits.seconds);
      return { ...result, peak: (result.peak ?? base) - base };
    },
    stop: () => child.kill('SIGKILL'),
  };
}

async function alone(seed) {
  const worker = await startProcess();
  worker.send(seed);
  const result = await worker.answer();
  worker.stop();
  return { ...result, seed };
}

/** Memory is that of the process: where it is too much, the case is repeated in one of its own. */
async function measured(result) {
  if (result.dead || result.peak <= limits.megabytes) return result;
  const again = await alone(result.seed);
  return again.peak <= limits.megabytes
    ? again
    : { ...again, verdict: 'failed', reason: `it takes ${again.peak.toFixed(0)} MB` };
}

const counts = { result: 0, refused: 0, failed: 0 };
const codes = new Map();
const most = { ms: { ms: 0 }, peak: { peak: 0 } };

function record(result) {
  counts[result.verdict]++;
  if (result.code !== undefined) codes.set(result.code, (codes.get(result.code) ?? 0) + 1);
  for (const key of ['ms', 'peak']) if (result[key] > most[key][key]) most[key] = result;
  if (result.verdict === 'failed' || only !== undefined)
    console.log(`${result.verdict}: --only ${result.seed}: ${result.reason ?? 'a graph'}`);
}

let taken = 0;
async function lane() {
  const seeds = [];
  while (taken < cases || seeds.length > 0) {
    const worker = await startProcess();
    for (const seed of seeds) worker.send(seed);
    for (let n = 0; n < CASES_PER_PROCESS; n++) {
      for (; seeds.length < AHEAD && taken < cases; taken++) {
        seeds.push(first + taken);
        worker.send(first + taken);
      }
      if (seeds.length === 0) break;
      const raw = { ...(await worker.answer()), seed: seeds.shift() };
      record(await measured(raw));
      if (raw.dead || raw.peak > limits.megabytes) break;
    }
    worker.stop();
  }
}

if (only !== undefined && values.out !== undefined)
  writeFileSync(values.out, fuzzCase(frontend, FRONTENDS[frontend].models(), only).bytes);
await Promise.all(Array.from({ length: Math.min(Number(values.workers), cases) }, lane));

const often = [...codes].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
console.log(`refused with ${often.map(([code, n]) => `${code} ${n}`).join(', ')}`);
console.log(`slowest: ${most.ms.ms.toFixed(0)} ms (seed ${most.ms.seed})`);
console.log(`most memory: ${most.peak.peak.toFixed(0)} MB beyond the start (seed ${most.peak.seed})`);
console.log(`${counts.result} graphs, ${counts.refused} refused, ${counts.failed} failed`);
process.exitCode = counts.failed > 0 ? 1 : 0;
