// A model file by its content: ONNX or TorchScript bytes to a core graph.
import { readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { badInput, type Diagnostic } from '../base/diagnostic.js';
import type { DType } from '../base/dtype.js';
import { importOnnx } from '../frontend/onnx/import.js';
import { externalDataReader } from '../frontend/onnx/proto/external-files.js';
import { readOnnxModel } from '../frontend/onnx/proto/read.js';
import { sniffModel } from '../frontend/sniff.js';
import { readTorchArchive } from '../frontend/torchscript/archive/read.js';
import { importTorchScript } from '../frontend/torchscript/import.js';
import type { Graph } from '../ir/graph.js';

/** Shapes of inputs by name or position. */
export type InputShapes = ReadonlyMap<string, { readonly shape: readonly number[]; readonly dtype?: DType }>;

export interface LoadedModel {
  /** The file's name without folder and ending. */
  readonly name: string;
  readonly graph: Graph;
  readonly diagnostics: readonly Diagnostic[];
}

export function loadModel(path: string, inputShapes: InputShapes): LoadedModel {
  const bytes = readModelFile(path);
  const file = basename(path);
  const name = file.replace(/\.[^.]*$/, '');
  const kind = sniffModel(bytes);
  if (kind.kind === 'onnx') {
    const model = readOnnxModel(bytes, { file, readExternal: externalDataReader(dirname(resolve(path))) });
    const { graph, diagnostics } = importOnnx(model, { file, inputShapes });
    return { name, graph, diagnostics };
  }
  if (kind.kind === 'torchscript') {
    const archive = readTorchArchive(bytes, { file });
    const { graph, diagnostics } = importTorchScript(archive, { file, inputShapes });
    return { name, graph, diagnostics };
  }
  throw badInput(
    'E3040',
    `${file} is neither an ONNX model nor a TorchScript archive: it looks like ${kind.looksLike}`,
    { file },
    kind.hint,
  );
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
