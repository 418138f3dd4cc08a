// The rules of the house bite: each violation below, in a folder of its own, is caught by the tool that CI runs.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FILES: Record<string, string> = {
  'src/base/number.ts': 'export const one = 1;\n',
  'src/chip/target.ts': 'export type Target = number;\nexport const inf1 = 1;\n',
  'src/ops/good.ts': "export { one } from '../base/number.js';\n",
  'src/passes/fuse/good.ts':
    "import type { Target } from '../../chip/target.js';\nexport const t: Target = 1;\n",
  // Import rules.
  'src/base/bad.ts': "export { inf1 } from '../chip/target.js';\n",
  'src/sim/bad.ts': "export { one } from '../ops/good.js';\n",
  'src/isa/bad.ts': "import type { T } from '../backend/types.js';\nexport type U = T;\n",
  'src/backend/types.ts': 'export type T = 1;\n',
  'src/passes/clean/bad.ts': "export { t } from '../fuse/good.js';\n",
  'src/passes/clean/value.ts': "export { inf1 } from '../../chip/target.js';\n",
  'src/report/bad.ts': "import chalk from 'chalk';\nexport const c = chalk;\n",
  'src/ir/one.ts': "import type { B } from './two.js';\nexport type A = B;\n",
  'src/ir/two.ts': "import type { A } from './one.js';\nexport type B = A;\n",
  'src/runtime/bad.ts': "export { main } from '../cli/main.js';\n",
  'src/cli/main.ts':
    "import chalk from 'chalk';\nexport const main = (): unknown => [chalk, process.argv, console.log];\n",
  'src/driver/bad.ts': "export { gone } from './gone.js';\n",
  'src/frontend/bad.ts': "export { connect } from 'node:net';\n",
  // Determinism and the terminal.
  'src/ops/math.ts': 'export const f = (x: number) => Math.exp(x) + Math.sqrt(x);\n',
  'src/passes/power.ts': 'export const f = (x: number) => x ** 3 + 2 ** x + Number(x > 0 ? 3n ** 5n : 0n);\n',
  'src/base/elementary.ts': 'export const f = Math.hypot(1, 2);\n',
  'src/driver/random.ts': 'export const f = () => Math.random();\n',
  'src/report/locale.ts': "export const f = (a: string) => a.localeCompare('b');\n",
  'src/driver/clock.ts': 'export const now = () => Date.now();\n',
  'src/sim/process.ts': 'export const a = () => process.argv;\n',
  'src/sim/console.ts': "export const a = () => console.log('x');\n",
  'src/sim/any.ts': 'export const a = (x: any) => x;\n',
  // Source files.
  'src/ir/path.ts': "// A file.\nexport const at = '/home/someone/x';\n",
  'src/ir/long.ts': `// A file.\n${'export {};\n'.repeat(401)}`,
  'src/ir/reason.ts': `// A table. Long because it is one.\n${'export {};\n'.repeat(401)}`,
};

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'neffc-rules-'));
  for (const name of [
    'package.json',
    'tsconfig.json',
    'biome.json',
    '.dependency-cruiser.cjs',
    'scripts/lint',
  ]) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(tool: string, ...args: string[]): string {
  const { stdout, stderr } = spawnSync(process.execPath, [tool, ...args], { cwd: folder, encoding: 'utf8' });
  return stdout + stderr;
}
const inModules = (path: string) => join(ROOT, 'node_modules', path);

describe('npm run imports', () => {
  let found: string[] = [];
  beforeAll(() => {
    const tool = inModules('dependency-cruiser/bin/dependency-cruise.mjs');
    const json = run(tool, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'src');
    const { summary } = JSON.parse(json) as {
      summary: { violations: { from: string; rule: { name: string } }[] };
    };
    found = summary.violations.map((v) => `${v.from} ${v.rule.name}`);
  });

  test.each([
    'src/base/bad.ts base-imports',
    'src/sim/bad.ts sim-imports',
    'src/isa/bad.ts isa-imports',
    'src/passes/clean/bad.ts no-pass-imports-another',
    'src/passes/clean/value.ts passes-imports-types-only',
    'src/report/bad.ts terminal-only-in-cli',
    'src/ir/one.ts no-circles',
    'src/runtime/bad.ts runtime-imports',
    'src/runtime/bad.ts nobody-imports-cli',
    'src/driver/bad.ts resolvable',
    'src/frontend/bad.ts no-network',
  ])('%s', (violation) => expect(found).toContain(violation));

  test('and nothing that is allowed', () => {
    expect(found.filter((v) => /good\.ts|cli\/main\.ts/.test(v))).toEqual([]);
  });
});

describe('npm run lint', () => {
  let found: string[] = [];
  beforeAll(() => {
    const json = run(
      inModules('@biomejs/biome/bin/biome'),
      'lint',
      '--reporter=json',
      '--max-diagnostics=none',
      'src',
    );
    const report = JSON.parse(json.slice(json.indexOf('{'), json.lastIndexOf('}') + 1)) as {
      diagnostics: { category: string; location: { path: string }; message: string }[];
    };
    found = report.diagnostics.map((d) => `${d.location.path} ${d.category}`);
  });

  test.each([
    'src/ops/math.ts plugin',
    'src/passes/power.ts plugin',
    'src/base/elementary.ts plugin',
    'src/driver/random.ts plugin',
    'src/report/locale.ts plugin',
    'src/driver/clock.ts lint/style/noRestrictedGlobals',
    'src/sim/process.ts lint/style/noRestrictedGlobals',
    'src/sim/console.ts lint/suspicious/noConsole',
    'src/sim/any.ts lint/suspicious/noExplicitAny',
  ])('%s', (violation) => expect(found.filter((v) => v === violation)).toHaveLength(1));

  test('and nothing that is allowed', () => {
    expect(found.filter((v) => /good\.ts|cli\/main\.ts/.test(v))).toEqual([]);
  });
});

test('check-source', () => {
  const found = run(join(ROOT, 'scripts/check-source.mjs'));
  expect(found).toContain('src/ir/path.ts:2: names a path of one machine');
  expect(found).toContain('src/ir/long.ts:1: 402 lines');
  expect(found).toContain('src/ops/good.ts:1: the file does not open with a comment');
  expect(found).not.toContain('src/ir/reason.ts');
});
