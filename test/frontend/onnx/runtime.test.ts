// Single operators against ONNX Runtime's recorded results: make_runtime_cases.py.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { DType } from '../../../src/base/dtype.js';
import { makeTensor } from '../../../src/base/tensor.js';
import { readOnnxModel } from '../../../src/frontend/onnx/proto/read.js';
import { interpretGraph } from '../../../src/ops/interpret.js';
import { importModel, mismatch } from '../../helpers/onnx-import.js';

interface Packed {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: string;
}
interface Case {
  readonly name: string;
  readonly model: string;
  readonly inputs: readonly Packed[];
  readonly outputs: readonly Packed[];
}

const cases = JSON.parse(readFileSync(new URL('runtime-cases.json', import.meta.url), 'utf8')) as Case[];
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'base64'));
const tensor = ({ dtype, shape, data }: Packed) => makeTensor(dtype, shape, bytes(data));

describe('operators as ONNX Runtime computes them', () => {
  it.each(cases.map((c) => [c.name, c] as const))('%s', (name, { model, inputs, outputs }) => {
    const read = readOnnxModel(bytes(model), { file: name, readExternal: () => new Uint8Array(0) });
    const results = interpretGraph(importModel(read).graph, inputs.map(tensor));
    expect(results.length).toBe(outputs.length);
    const found = results.map((t, i) => mismatch(t, tensor(outputs[i] as Packed), 1e-3, 1e-5));
    expect(found.filter((text) => text !== undefined)).toEqual([]);
  });
});
