// Programs for tests: an archive whose root module has the given `forward` (and other methods), and what it computes.
import { isFloat } from '../../src/base/dtype.js';
import { fromNumbers, type HostTensor, toNumbers } from '../../src/base/tensor.js';
import { readTorchArchive, type TorchArchive } from '../../src/frontend/torchscript/archive/read.js';
import {
  type ImportedModel,
  type InputShape,
  importTorchScript,
} from '../../src/frontend/torchscript/import.js';
import { interpretGraph } from '../../src/ops/interpret.js';
import { tinyArchive } from './torch-archive.js';

const HEAD = `class Tiny(Module):
  __parameters__ = ["weight", ]
  __buffers__ = []
  weight : Tensor
  training : bool
`;

/** `weight` is [[1, 2], [3, 4]], CONSTANTS.c0 is 0.5. `body` is the text of the methods, indented by two. */
export function programArchive(body: string, version = 9): TorchArchive {
  return readTorchArchive(tinyArchive({ 'code/__torch__.py': HEAD + body, version: `${version}\n` }), {
    file: 'program.pt',
  });
}

/** A `forward` of tensor arguments `x`, `y`, … with these statements, one a line. */
export function forward(args: string, ...lines: readonly string[]): string {
  return `  def forward(self: __torch__.Tiny,\n    ${args}) -> Tensor:\n${lines.map((l) => `    ${l}\n`).join('')}`;
}

export function importProgram(body: string, shapes: Readonly<Record<string, InputShape>>): ImportedModel {
  return importTorchScript(programArchive(body), {
    file: 'program.pt',
    inputShapes: new Map(Object.entries(shapes)),
  });
}

export interface Plain {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

export const plain = (t: HostTensor): Plain => ({
  shape: t.shape,
  values: [...toNumbers(t)].map((v) => (isFloat(t.dtype) ? Math.round(v * 1e6) / 1e6 : v)),
});

/** The outputs of a program for f32 inputs (or of the types given), in order. */
export function runProgram(
  body: string,
  inputs: readonly (Plain & { readonly dtype?: 'f32' | 'i64' | 'bool' })[],
): Plain[] {
  const tensors = inputs.map(({ shape, values, dtype = 'f32' }) => fromNumbers(dtype, shape, values));
  const shapes = Object.fromEntries(tensors.map((t, i) => [String(i), { shape: t.shape, dtype: t.dtype }]));
  return interpretGraph(importProgram(body, shapes).graph, tensors).map(plain);
}
