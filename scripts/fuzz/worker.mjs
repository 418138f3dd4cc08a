// A process that compiles cases as far as the passes: a message is a seed, the answer is its verdict and the peak of this
// process's memory so far. The parent watches the clock.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NeffcError } from '../../dist/base/diagnostic.js';
import { BUILTIN_TARGETS } from '../../dist/chip/builtin.js';
import { prepareModel } from '../../dist/driver/compile.js';
import { verifyGraph } from '../../dist/ops/verify.js';
import { FRONTENDS, fuzzCase } from './cases.mjs';

const [frontend] = process.argv.slice(2);
const models = FRONTENDS[frontend].models();
const target = BUILTIN_TARGETS.find((t) => t.name === 'inf2');
const folder = mkdtempSync(join(tmpdir(), 'neffc-fuzz-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** @throws what compiling throws; an Error for a graph that is not well formed */
function prepare({ bytes, inputShapes }) {
  const file = join(folder, 'model');
  writeFileSync(file, bytes);
  prepareModel(file, {
    target,
    inputShapes,
    autoCast: 'none',
    autoCastType: 'bf16',
    hostOps: 'allow',
    preprocess: new Map(),
    level: 2,
    onGraph: (graph) => {
      const [problem] = verifyGraph(graph);
      if (problem !== undefined) throw new Error(`the graph is not well formed: ${problem.message}`);
    },
  });
}

function judge(given) {
  try {
    prepare(given);
    return { verdict: 'result' };
  } catch (error) {
    const coded = error instanceof NeffcError && error.diagnostics.length > 0;
    if (coded && error.diagnostics.every(({ code }) => !code.startsWith('E1')))
      return { verdict: 'refused', code: error.diagnostics[0].code, reason: error.message };
    return { verdict: 'failed', reason: String(error?.stack ?? error) };
  }
}

const peak = () => process.resourceUsage().maxRSS / 1024;

// What all cases need is loaded and has run before memory is counted.
for (const { bytes, inputs } of models) judge({ bytes, inputShapes: new Map(Object.entries(inputs)) });
process.send({ ready: true, peak: peak() });
process.on('message', (seed) => {
  const start = performance.now();
  const verdict = judge(fuzzCase(frontend, models, seed));
  process.send({ ...verdict, ms: performance.now() - start, peak: peak() });
});
process.on('disconnect', () => process.exit());
