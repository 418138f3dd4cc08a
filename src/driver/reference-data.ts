// Recorded inputs and outputs: `input_K` and `output_K`, as .npy or as .pb, in a folder or in its `test_data_set_K` folders.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ModelSignature } from '../artifact/signature.js';
import { badInput } from '../base/diagnostic.js';
import type { DType } from '../base/dtype.js';
import type { HostTensor } from '../base/tensor.js';
import { isNpy, readNpy } from './tensor-files/npy.js';
import { readOnnxData } from './tensor-files/onnx-data.js';
import { readInput } from './tensor-files/read.js';

export interface ReferenceSet {
  readonly name: string;
  readonly inputs: ReadonlyMap<string, HostTensor>;
  /** Outputs of which there is a record. */
  readonly outputs: ReadonlyMap<string, HostTensor>;
}

const ENDINGS = ['.npy', '.pb'] as const;

/** @throws E3620 where the folder has no recorded output, and as the readers of its files */
export function readReferenceData(folder: string, signature: ModelSignature): readonly ReferenceSet[] {
  const sets = dataFolders(folder).map((path) => readSet(path, signature));
  if (sets.some((set) => set.outputs.size > 0)) return sets;
  throw badInput(
    'E3620',
    `${folder} has no recorded output of the model`,
    { file: folder },
    'it should hold input_0.npy, output_0.npy, … (or .pb), in signature order',
  );
}

function dataFolders(folder: string): readonly string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  const sets = readdirSync(folder)
    .filter((name) => /^test_data_set_\d+$/.test(name))
    .sort((a, b) => Number(a.slice(14)) - Number(b.slice(14)));
  return sets.length > 0 ? sets.map((name) => join(folder, name)) : [folder];
}

function readSet(folder: string, { inputs, outputs }: ModelSignature): ReferenceSet {
  const read = (kind: 'input' | 'output') => (ports: readonly { name: string; dtype: DType }[]) =>
    new Map(
      ports.flatMap(({ name, dtype }, i): [string, HostTensor][] => {
        const file = ENDINGS.map((ending) => join(folder, `${kind}_${i}${ending}`)).find((path) =>
          existsSync(path),
        );
        return file === undefined ? [] : [[name, readTensor(file, name, dtype, kind)]];
      }),
    );
  return { name: basename(folder), inputs: read('input')(inputs), outputs: read('output')(outputs) };
}

/** Inputs are converted to the type the model takes where no value changes; outputs are compared as they are. */
function readTensor(file: string, name: string, dtype: DType, kind: 'input' | 'output'): HostTensor {
  const bytes = readFileSync(file);
  if (!isNpy(bytes)) return readOnnxData(bytes, file);
  return kind === 'output' ? readNpy(bytes, file, dtype) : readInput(bytes, file, { name, dtype, shape: [] });
}
