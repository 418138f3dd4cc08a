// Solves the instances of google/minimalloc and prints, for each: time, validator's verdict, lower bound, height.
// Usage: node bench/minimalloc.mjs FOLDER [normal|exhaustive]   (files NAME.CAPACITY.csv; needs a built dist/)
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readMinimallocCsv } from '../dist/backend/allocate/minimalloc-csv.js';
import { lowerBound } from '../dist/backend/allocate/problem.js';
import { allocate } from '../dist/backend/allocate/solver.js';
import { validateAllocation } from '../dist/backend/allocate/validator.js';

const [folder, effort = 'normal'] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node bench/minimalloc.mjs FOLDER [normal|exhaustive]');
  process.exit(2);
}
const row = (...cells) => console.log(cells.map((cell, i) => String(cell).padStart(i ? 12 : 8)).join(''));
row('file', 'buffers', 'seconds', 'capacity', 'lower bound', 'height', 'verdict');
const files = readdirSync(folder).filter((name) => /\.\d+\.csv$/.test(name));
let good = 0;
for (const file of files.sort()) {
  const [, name, capacity] = /^(.*)\.(\d+)\.csv$/.exec(file);
  const problem = readMinimallocCsv(readFileSync(join(folder, file), 'utf8'), Number(capacity), file);
  const start = performance.now();
  const result = allocate(problem, { effort });
  const seconds = ((performance.now() - start) / 1000).toFixed(2);
  const violations = 'infeasible' in result ? [] : validateAllocation(problem, result.offsets);
  const verdict =
    'infeasible' in result ? 'not solved' : violations.length ? `${violations.length} wrong` : 'valid';
  if (verdict === 'valid') good++;
  const height = 'infeasible' in result ? result.needed : result.height;
  row(name, problem.buffers.length, seconds, capacity, lowerBound(problem), height, verdict);
  for (const violation of violations.slice(0, 5)) console.log(`    ${violation.message}`);
}
console.log(`${good} of ${files.length} solved within capacity`);
process.exitCode = good === files.length ? 0 : 1;
