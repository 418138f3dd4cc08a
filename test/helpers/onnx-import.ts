// Imports ONNX models and runs them by the operators' evaluators.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DTYPES } from '../../src/base/dtype.js';
import type { HostTensor } from '../../src/base/tensor.js';
import { elementCount, elementReader, shapeText, typedView } from '../../src/base/tensor.js';
import { readNpy } from '../../src/driver/tensor-files/npy.js';
import { type Imported, type ImportOptions, importOnnx } from '../../src/frontend/onnx/import.js';
import { externalDataReader } from '../../src/frontend/onnx/proto/external-files.js';
import type { OnnxModel } from '../../src/frontend/onnx/proto/model.js';
import { readOnnxModel } from '../../src/frontend/onnx/proto/read.js';
import type { Graph } from '../../src/ir/graph.js';
import { interpretGraph } from '../../src/ops/interpret.js';
import { checkGraph } from '../../src/ops/verify.js';
import { type ModelSpec, model } from './onnx-builder.js';

export function readModel(file: string): OnnxModel {
  return readOnnxModel(readFileSync(file), { file, readExternal: externalDataReader(dirname(file)) });
}

/** The verified graph of a model. */
export function importModel(source: OnnxModel, options: Partial<ImportOptions> = {}): Imported {
  const imported = importOnnx(source, { file: 'm.onnx', ...options });
  checkGraph(imported.graph, 'import');
  return imported;
}

export function importSpec(spec: ModelSpec, options: Partial<ImportOptions> = {}): Imported {
  const bytes = model(spec);
  return importModel(
    readOnnxModel(bytes, { file: 'm.onnx', readExternal: () => new Uint8Array(0) }),
    options,
  );
}

/** Values of the outputs, as numbers, where the model has no inputs or these. */
export function valuesOf(graph: Graph, inputs: readonly HostTensor[] = []): number[][] {
  return interpretGraph(graph, inputs).map((t) => {
    const read = elementReader(t);
    return Array.from({ length: elementCount(t.shape) }, (_, i) => Number(read(i)));
  });
}

export const opsOf = (graph: Graph): string[] => graph.body.nodes.map((node) => node.op);

/** `input_K.npy` or `output_K.npy` of a folder. */
export function recorded(folder: string, what: 'input' | 'output'): HostTensor[] {
  const found: HostTensor[] = [];
  for (let k = 0; existsSync(join(folder, `${what}_${k}.npy`)); k++)
    found.push(readNpy(readFileSync(join(folder, `${what}_${k}.npy`)), ''));
  return found;
}

/** Relative tolerances of types that have fewer digits than fp32. */
const COARSE: Readonly<Record<string, number>> = { f16: 2e-3, bf16: 1.6e-2 };

/** What differs beyond the tolerance; undefined where nothing does. Integers are equal. */
export function mismatch(
  a: HostTensor,
  b: HostTensor,
  relative: number,
  absolute: number,
): string | undefined {
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join())
    return `${a.dtype} ${shapeText(a.shape)} is not ${b.dtype} ${shapeText(b.shape)}`;
  const { kind, bits } = DTYPES[a.dtype];
  const [p, q] = kind === 'complex' ? [typedView(a), typedView(b)] : [elementReader(a), elementReader(b)];
  const at = (view: typeof p, i: number) => Number(typeof view === 'function' ? view(i) : view[i]);
  const slack = Math.max(relative, COARSE[a.dtype] ?? 0, bits <= 8 ? 0.13 : 0);
  for (let i = 0; i < elementCount(a.shape); i++) {
    const [x, y] = [at(p, i), at(q, i)];
    if (Object.is(x, y) || x === y) continue;
    const isExact = kind !== 'float' && kind !== 'complex';
    const limit = Math.max(absolute, slack > relative ? 1e-4 : 0) + slack * Math.abs(y);
    if (isExact || !(Math.abs(x - y) <= limit)) return `element ${i} is ${x}, not ${y}`;
  }
  return undefined;
}
