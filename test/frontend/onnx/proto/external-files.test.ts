import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { externalDataReader } from '../../../../src/frontend/onnx/proto/external-files.js';
import { readOnnxModel } from '../../../../src/frontend/onnx/proto/read.js';
import { model, tensor } from '../../../helpers/onnx-builder.js';

let root = '';
let folder = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'neffc-external-'));
  folder = join(root, 'model');
  mkdirSync(join(folder, 'weights'), { recursive: true });
  writeFileSync(join(folder, 'weights', 'w.bin'), Uint8Array.from([0, 0, 128, 63, 0, 0, 0, 64]));
  writeFileSync(join(root, 'secret'), 'secret');
  symlinkSync(join(root, 'secret'), join(folder, 'leak'));
  symlinkSync(root, join(folder, 'up'));
  symlinkSync(join('weights', 'w.bin'), join(folder, 'link'));
});
afterAll(() => rmSync(root, { recursive: true }));

describe('external data files', () => {
  it('are read once and viewed', () => {
    const place = (offset: number) => ({ location: 'weights/w.bin', offset, length: 4 });
    const initializers = { a: tensor('f32', [1], [], place(0)), b: tensor('f32', [], [], place(4)) };
    const options = { file: 'm.onnx', readExternal: externalDataReader(folder) };
    const { graph } = readOnnxModel(model({ initializers }), options);
    const a = graph.initializers.get('a');
    const b = graph.initializers.get('b');
    expect([...(b?.data ?? [])]).toEqual([0, 0, 0, 64]);
    expect(a?.data.buffer).toBe(b?.data.buffer);
  });

  it('may be links inside the folder', () => {
    expect(externalDataReader(folder)('link')).toHaveLength(8);
  });

  it.each([
    ['leak', /E3015/],
    ['up/secret', /E3015/],
    ['../secret', /E3015/],
    ['none', /E3016.*ENOENT/],
    ['weights', /E3016.*not a file/],
  ])('%s is refused', (path, expected) => {
    expect(() => externalDataReader(folder)(path)).toThrow(expected);
  });
});
