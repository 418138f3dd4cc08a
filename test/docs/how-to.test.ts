// The worked examples of docs/how-to do what they say: their code goes into a copy of the source tree, the copy type-checks,
// and the tests that they show run in it.
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { applyHowTo, copySource, HOW_TO, ROOT } from './overlay.js';

const FOLDER = join(ROOT, 'tmp', `how-to-${process.pid}`);
const NAMES = readdirSync(HOW_TO).sort();

copySource(FOLDER);
const files = new Map(NAMES.map((name) => [name, applyHowTo(FOLDER, name)]));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

test('each kind of addition has its example', () => {
  expect(NAMES).toEqual(['add-a-pass.md', 'add-a-target.md', 'add-an-instruction.md', 'add-an-operator.md']);
});

test('the tree with the additions has no type error', () => {
  const tsc = join(ROOT, 'node_modules', '@typescript', 'native', 'bin', 'tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, '--noEmit', '-p', '.'], {
    cwd: FOLDER,
    encoding: 'utf8',
  });
  expect(stdout).toBe('');
});

for (const [name, added] of files) {
  describe(name, async () => {
    for (const file of added) {
      if (file.endsWith('.test.ts')) await import(/* @vite-ignore */ pathToFileURL(join(FOLDER, file)).href);
      // A golden text is read by the test that the tree has for such texts.
      if (file.startsWith('test/golden/')) {
        await import(/* @vite-ignore */ pathToFileURL(join(FOLDER, 'test/passes/golden.test.ts')).href);
      }
    }
  });
}
