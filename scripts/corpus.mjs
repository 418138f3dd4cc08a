// Compiles and runs every model of a corpus, and compares with the recorded outputs:
//   npm run corpus -- DIR [--target inf2] [--auto-cast none] [--auto-cast-type bf16] [--host-ops allow] [--only TEXT] [--workers N]
// DIR has a manifest.json beside one folder a model. A model passes, fails, or is skipped (refused by name, or without a recorded
// run). The last line is `N passed, N failed, N skipped`.

import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { corpusEntries } from '../dist/driver/corpus.js';
import { runPool } from './pool.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: { type: 'string', default: 'inf2' },
    'auto-cast': { type: 'string', default: 'none' },
    'auto-cast-type': { type: 'string', default: 'bf16' },
    'host-ops': { type: 'string', default: 'allow' },
    only: { type: 'string', default: '' },
    workers: { type: 'string', default: String(availableParallelism()) },
    seconds: { type: 'string', default: '300' },
  },
});
const [folder] = positionals;
if (folder === undefined || positionals.length > 1) {
  console.error('usage: npm run corpus -- DIR [--target T] [--auto-cast A] [--only TEXT]');
  process.exit(2);
}

const entries = corpusEntries(folder).filter((entry) => entry.name.includes(values.only));
const counts = { passed: 0, failed: 0, refused: 0 };
const words = { passed: 'ok  ', failed: 'FAIL', refused: 'skip' };
await runPool(entries, {
  script: new URL('./corpus-worker.mjs', import.meta.url),
  workers: Number(values.workers),
  seconds: Number(values.seconds),
  workerData: {
    folder,
    target: values.target,
    autoCast: values['auto-cast'],
    autoCastType: values['auto-cast-type'],
    hostOps: values['host-ops'],
  },
  failure: (reason) => ({ verdict: 'failed', reason, hostOperators: [] }),
  onResult: (entry, { verdict, reason = '', hostOperators = [] }) => {
    counts[verdict]++;
    const host = hostOperators.length > 0 ? ` (on the host: ${hostOperators.join(', ')})` : '';
    console.log(`${words[verdict]} ${entry.name}${host}${reason === '' ? '' : `: ${reason}`}`);
  },
});
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.refused} skipped`);
process.exitCode = counts.failed > 0 ? 1 : 0;
