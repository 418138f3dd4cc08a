// A model file by its content: ONNX or TorchScript bytes to a core graph.
import { readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { badInput, type Diagnostic, unsupported, usageError } from '../base/diagnostic.js';
import type { DType } from '../base/dtype.js';
import type { HostTensor } from '../base/tensor.js';
import { importOnnx, modelInputs } from '../frontend/onnx/import.js';
import type { GivenInputs } from '../frontend/onnx/inputs.js';
import { externalDataReader } from '../frontend/onnx/proto/external-files.js';
import { readOnnxModel } from '../frontend/onnx/proto/read.js';
import { sniffModel } from '../frontend/sniff.js';
import { readTorchArchive } from '../frontend/torchscript/archive/read.js';
import { importTorchScript } from '../frontend/torchscript/import.js';
import type { Graph } from '../ir/graph.js';
import { tensorHash } from '../runtime/fixed-inputs.js';
import type { FixedInput } from './assemble.js';

/** Shapes of inputs by name or position. */
export type InputShapes = ReadonlyMap<string, { readonly shape: readonly number[]; readonly dtype?: DType }>;

/** What is said of a model's inputs beside the model. */
export interface ModelInputs {
  readonly inputShapes: InputShapes;
  /** Of inputs that are no tensors (ONNX): elements of sequences, and which optionals are there. */
  readonly collections?: GivenInputs;
  /** Values of inputs, by name or position, that are known now: shapes may follow from them. */
  readonly inputValues?: ReadonlyMap<string, HostTensor>;
}

export interface LoadedModel {
  /** The file's name without folder and ending. */
  readonly name: string;
  readonly graph: Graph;
  /** Inputs whose values were given; they are parameters of the graph that nothing reads. */
  readonly fixed: readonly FixedInput[];
  readonly diagnostics: readonly Diagnostic[];
}

export function loadModel(path: string, inputs: ModelInputs): LoadedModel {
  const { inputShapes, collections = new Map(), inputValues = new Map() } = inputs;
  const bytes = readModelFile(path);
  const file = basename(path);
  const name = file.replace(/\.[^.]*$/, '');
  const kind = sniffModel(bytes);
  if (kind.kind === 'onnx') {
    const model = readOnnxModel(bytes, { file, readExternal: externalDataReader(dirname(resolve(path))) });
    const known = namedValues(
      modelInputs(model).map((i) => i.name),
      inputValues,
      file,
    );
    const shapes = new Map([...known].map(([input, { shape }]) => [input, { shape }] as const));
    const { graph, diagnostics } = importOnnx(model, {
      file,
      inputShapes: new Map([...shapes, ...inputShapes, ...collections]),
      inputValues: known,
    });
    return { name, graph, fixed: fixedInputs(graph, known), diagnostics };
  }
  if (kind.kind === 'torchscript') {
    const archive = readTorchArchive(bytes, { file });
    if (inputValues.size > 0)
      throw unsupported(
        'E4020',
        'this version does not support --input-value for TorchScript',
        { file },
        'give the argument a default when scripting',
      );
    const { graph, diagnostics } = importTorchScript(archive, { file, inputShapes });
    return { name, graph, fixed: [], diagnostics };
  }
  throw badInput(
    'E3040',
    `${file} is neither an ONNX model nor a TorchScript archive: it looks like ${kind.looksLike}`,
    { file },
    kind.hint,
  );
}

/** @throws E2010 for a name or position that there is not */
function namedValues(
  names: readonly string[],
  values: NonNullable<ModelInputs['inputValues']>,
  file: string,
): Map<string, HostTensor> {
  return new Map(
    [...values].map(([key, value]): [string, HostTensor] => {
      const name = names.includes(key) ? key : /^\d+$/.test(key) ? names[Number(key)] : undefined;
      if (name !== undefined) return [name, value];
      throw usageError(
        'E2010',
        `the model has no input '${key}'`,
        { file },
        `Its inputs are ${names.map((n, i) => `${i}: ${n}`).join(', ')}.`,
      );
    }),
  );
}

function fixedInputs(graph: Graph, values: ReadonlyMap<string, HostTensor>): FixedInput[] {
  return graph.body.params.flatMap((param): FixedInput[] => {
    const value = values.get(param.name);
    return value === undefined ? [] : [{ name: param.name, type: param.type, sha256: tensorHash(value) }];
  });
}

function readModelFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (e) {
    const code = (e as { code?: string }).code ?? 'an error';
    throw badInput(
      'E3041',
      `the model file cannot be read (${code})`,
      { file: path },
      'check the path and its permissions',
    );
  }
}
