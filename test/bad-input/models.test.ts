// Models that must be refused: a coded diagnostic with the right exit code, in little time, nothing written.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { neffc, neffcJson } from '../helpers/command-line.js';
import { model, node, tensor } from '../helpers/onnx-builder.js';

const tiny = readFileSync(fileURLToPath(new URL('../../fixtures/tiny/matmul/model.onnx', import.meta.url)));
const relu = (inputs: Record<string, string>, extra: object = {}) =>
  model({
    inputs,
    outputs: { y: 'f32' },
    nodes: [node('Relu', [Object.keys(inputs)[0] ?? 'x'], ['y'])],
    ...extra,
  });

let folder = '';
let inner = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'neffc-bad-'));
  inner = join(folder, 'a', 'b');
  mkdirSync(inner, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function everyFile(): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((f) => f.isFile())
    .map((f) => f.name)
    .sort();
}

const external = (location: string) =>
  model({
    inputs: { x: 'f32[1,4]' },
    outputs: { y: 'f32[1,4]' },
    nodes: [node('Add', ['x', 'w'], ['y'])],
    initializers: { w: tensor('f32', [1, 4], [1, 2, 3, 4], { location, offset: 0, length: 16 }) },
  });

const CASES: readonly (readonly [what: string, bytes: () => Uint8Array, exit: number, code: RegExp])[] = [
  ['empty', () => new Uint8Array(0), 3, /E30(01|40)/],
  ['truncated', () => tiny.subarray(0, tiny.length - 100), 3, /E30\d\d/],
  ['not ONNX', () => new TextEncoder().encode('hello, I am no model'), 3, /E3040/],
  ['a newer IR version', () => relu({ x: 'f32[1,4]' }, { irVersion: 99 }), 3, /E3008/],
  [
    'a cycle',
    () =>
      model({
        inputs: { x: 'f32[4]' },
        outputs: { y: 'f32[4]' },
        nodes: [node('Add', ['x', 'z'], ['y']), node('Relu', ['y'], ['z'])],
      }),
    3,
    /E3104/,
  ],
  [
    'a missing initializer',
    () =>
      model({ inputs: { x: 'f32[4]' }, outputs: { y: 'f32[4]' }, nodes: [node('Add', ['x', 'w'], ['y'])] }),
    3,
    /E3105/,
  ],
  [
    'unknown operators',
    () =>
      model({
        inputs: { x: 'f32[4]' },
        outputs: { y: 'f32[4]' },
        nodes: [node('Frobnicate', ['x'], ['z']), node('Whirl', ['z'], ['y'])],
      }),
    4,
    /E4001/,
  ],
  ['an open dim', () => relu({ x: 'f32[4,n]' }), 2, /E2013/],
  [
    'bytes against the shape',
    () =>
      model({
        inputs: { x: 'f32[2,2]' },
        outputs: { y: 'f32[2,2]' },
        nodes: [node('Add', ['x', 'w'], ['y'])],
        initializers: { w: tensor('f32', [2, 2], new Uint8Array(12)) },
      }),
    3,
    /E3013/,
  ],
  ['2^40 elements', () => relu({ x: `f32[${2 ** 20},${2 ** 20}]` }), 5, /E5\d\d\d/],
  ['too large for the target', () => relu({ x: `f32[${2 ** 16},${2 ** 18}]` }), 5, /E5\d\d\d/],
  ['more external data than there is', () => external('w.bin'), 3, /E301[67]/],
  ['external data outside the folder', () => external('../../../etc/passwd'), 3, /E3015/],
];

describe('bad input', () => {
  test.each(CASES)(
    '%s',
    async (_what, bytes, exit, code) => {
      const path = join(inner, 'model.onnx');
      writeFileSync(path, bytes());
      const before = everyFile();
      const { code: exited, json } = await neffcJson('compile', path, '-o', join(inner, 'm.neff'));
      const diagnostics = json.diagnostics as { code: string; severity: string; message: string }[];
      expect(exited, JSON.stringify(diagnostics)).toBe(exit);
      expect(json.exit_code).toBe(exit);
      expect(diagnostics.find((d) => d.severity === 'error')?.code).toMatch(code);
      expect(everyFile()).toEqual(before);
    },
    10_000,
  );

  it('lists all unknown operators at once', async () => {
    const path = join(inner, 'model.onnx');
    const [, bytes = () => new Uint8Array(0)] = CASES.find(([what]) => what === 'unknown operators') ?? [];
    writeFileSync(path, bytes());
    const { err } = await neffc('compile', path, '-o', join(inner, 'm.neff'));
    expect(err).toContain('Frobnicate');
    expect(err).toContain('Whirl');
  });

  it('leaves what is at the output path as it is', async () => {
    const output = join(inner, 'm.neff');
    writeFileSync(output, 'before');
    const path = join(inner, 'model.onnx');
    writeFileSync(path, 'no model');
    expect((await neffc('compile', path, '-o', output)).code).toBe(3);
    expect(readFileSync(output, 'utf8')).toBe('before');
  });

  it('refuses an output path that cannot be written', async () => {
    const path = join(inner, 'model.onnx');
    writeFileSync(path, tiny);
    expect(await neffc('compile', path, '-o', join(inner, 'none', 'm.neff'))).toMatchObject({ code: 2 });
    expect(await neffc('compile', path, '-o', inner)).toMatchObject({ code: 2 });
  });

  it('refuses a file that is no artifact, and a damaged one', async () => {
    const path = join(inner, 'x.neff');
    writeFileSync(path, 'x');
    for (const command of ['run', 'dump', 'profile']) expect((await neffc(command, path)).code).toBe(3);
    expect((await neffc('run', join(inner, 'none.neff'))).code).toBe(3);
  });
});
