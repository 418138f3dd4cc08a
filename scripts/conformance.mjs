// Runs ONNX backend cases through the compiler, artifact bytes and the simulated chip:
//   npm run conformance -- DIR_OR_TAR_GZ [--target inf2] [--only TEXT] [--verbose] [--workers N] [--seconds N]
// DIR holds NAME/model.onnx with NAME/test_data_set_K/*.pb, itself or one folder below. A case passes, fails (wrong numbers, an
// error that is no refusal), or is skipped (refused by name). The last line is `N passed, N failed, N skipped`.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { conformanceCases } from '../dist/driver/conformance.js';
import { runPool } from './pool.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: { type: 'string', default: 'inf2' },
    only: { type: 'string', default: '' },
    verbose: { type: 'boolean', default: false },
    workers: { type: 'string', default: String(availableParallelism()) },
    seconds: { type: 'string', default: '60' },
  },
});
const [source] = positionals;
if (source === undefined || positionals.length > 1) {
  console.error('usage: npm run conformance -- DIR_OR_TAR_GZ [--target T] [--only TEXT] [--verbose]');
  process.exit(2);
}

function unpack(archive) {
  const folder = mkdtempSync(join(tmpdir(), 'neffc-conformance-'));
  const { status, stderr } = spawnSync('tar', ['-xzf', archive, '-C', folder], { encoding: 'utf8' });
  if (status === 0) return folder;
  rmSync(folder, { recursive: true, force: true });
  console.error(`conformance: cannot unpack ${archive}: ${stderr}`);
  process.exit(3);
}

/** Folders of the cases: those in the folder, or in its folders. */
function caseFolders(folder) {
  const here = conformanceCases(folder).map((name) => join(folder, name));
  if (here.length > 0) return here;
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) =>
      conformanceCases(join(folder, entry.name)).map((name) => join(folder, entry.name, name)),
    );
}

/** Counts by key, most first, as `12 Name`. */
function tally(keys) {
  const counts = new Map();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .map(([key, count]) => `${count} ${key}`);
}

const unpacked = statSync(source).isFile() ? unpack(source) : undefined;
try {
  const folders = caseFolders(unpacked ?? source).filter((folder) =>
    folder.split(/[\\/]/).at(-1).includes(values.only),
  );
  const results = [];
  await runPool(folders, {
    script: new URL('./conformance-worker.mjs', import.meta.url),
    workers: Number(values.workers),
    seconds: Number(values.seconds),
    workerData: { target: values.target },
    failure: (reason) => ({ verdict: 'failed', reason, hostOperators: [] }),
    onResult: (folder, result) => {
      const name = folder.split(/[\\/]/).at(-1);
      results.push({ name, ...result });
      if (result.verdict === 'failed')
        console.log(`FAIL ${name}: ${values.verbose ? result.reason : result.reason.split('\n')[0]}`);
      else if (values.verbose)
        console.log(
          `${result.verdict === 'passed' ? 'ok  ' : 'skip'} ${name}${result.reason ? `: ${result.reason}` : ''}${result.hostOperators?.length ? ` (host: ${result.hostOperators.join(', ')})` : ''}`,
        );
    },
  });
  const of = (verdict) => results.filter((r) => r.verdict === verdict);
  const hosted = of('passed').filter((r) => r.hostOperators.length > 0);
  const operators = tally(hosted.flatMap((r) => [...new Set(r.hostOperators)]));
  console.log(`refused: ${tally(of('refused').map((r) => r.reason.split(':')[0])).join(', ') || 'none'}`);
  const fixed = of('passed').filter((r) => r.fixedInputs !== undefined);
  console.log(`passed with inputs whose values are known at compile time: ${fixed.length}`);
  console.log(
    `passed with host operators: ${hosted.length}${operators.length > 0 ? ` (${operators.join(', ')})` : ''}`,
  );
  console.log(
    `${of('passed').length} passed, ${of('failed').length} failed, ${of('refused').length} skipped`,
  );
  process.exitCode = of('failed').length > 0 ? 1 : 0;
} finally {
  if (unpacked !== undefined) rmSync(unpacked, { recursive: true, force: true });
}
