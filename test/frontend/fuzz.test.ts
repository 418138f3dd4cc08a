// The fuzzer itself: some mutated models of each frontend, through the processes that judge them.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../scripts/fuzz.mjs', import.meta.url));
const fuzz = (...args: string[]) => spawnSync(process.execPath, [SCRIPT, ...args], { encoding: 'utf8' });

test.each(['torchscript', 'onnx'])('mutated %s models end in a graph or a coded diagnostic', (frontend) => {
  const { stdout, status } = fuzz('200', '--kind', frontend, '--seed', '7', '--workers', '1');
  expect(stdout).toMatch(/[1-9]\d* graphs, [1-9]\d* refused, 0 failed\n$/);
  expect(status).toBe(0);
});

test('what takes too long or too much memory fails, and its seed is named', () => {
  const { stdout, status } = fuzz('1', '--seed', '7', '--megabytes=-1');
  expect(stdout).toMatch(/^failed: --only 7: it takes /);
  expect(status).toBe(1);
  expect(fuzz('--only', '7', '--seconds', '0').stdout).toContain('no end in 0 s');
});
