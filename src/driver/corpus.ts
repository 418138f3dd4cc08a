// One model of a corpus: a folder with `model.onnx` (or .pt, .ptl), `input_K.npy` and `output_K.npy`, and its row of the corpus's
// manifest.json. Shapes are those of the recorded inputs; tolerances are those of `verify`.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DType } from '../base/dtype.js';
import type { Target } from '../chip/target.js';
import { toleranceOf } from './compare.js';
import type { CompileOptions } from './compile.js';
import type { InputShapes } from './load-model.js';
import { judgeCase, type Verdict } from './model-case.js';
import { readReferenceData } from './reference-data.js';
import { readNpy } from './tensor-files/npy.js';

/** What is used of a row of manifest.json. */
export interface CorpusEntry {
  /** Folder below that of the manifest. */
  readonly name: string;
  /** Default: model.onnx, model.pt or model.ptl, whichever is there. */
  readonly file?: string;
  /** By name or in order; null where there is no recorded run. */
  readonly inputs?: object | null;
}

export interface CorpusOptions extends Pick<CompileOptions, 'autoCast' | 'autoCastType' | 'hostOps'> {
  readonly target: Target;
}

const FILES = ['model.onnx', 'model.pt', 'model.ptl'];

/** The rows of a corpus's manifest. */
export function corpusEntries(folder: string): readonly CorpusEntry[] {
  return JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as readonly CorpusEntry[];
}

/** The model file of an entry; undefined where there is none, or no recorded run of it. */
export function corpusModel(folder: string, { name, file, inputs }: CorpusEntry): string | undefined {
  if (inputs === null || inputs === undefined) return undefined;
  return [...(file === undefined ? [] : [file]), ...FILES]
    .map((f) => join(folder, name, f))
    .find((path) => existsSync(path));
}

/** The shape of each recorded input; where the file of the model has no types (`typed` false), its type too. */
function shapesOf(data: string, names: readonly string[], typed: boolean): InputShapes {
  const shapes = new Map<string, { shape: readonly number[]; dtype?: DType }>();
  for (let k = 0; ; k++) {
    const file = join(data, `input_${k}.npy`);
    if (!existsSync(file)) return shapes;
    const { dtype, shape } = readNpy(readFileSync(file), file);
    if (!typed || shape.length > 0) shapes.set(names[k] ?? String(k), { shape, ...(!typed && { dtype }) });
  }
}

/** Judges a model. Never throws. */
export function judgeCorpusModel(folder: string, entry: CorpusEntry, options: CorpusOptions): Verdict {
  const model = corpusModel(folder, entry);
  if (model === undefined) return { verdict: 'refused', reason: 'no recorded run' };
  const data = join(folder, entry.name);
  const names = entry.inputs && !Array.isArray(entry.inputs) ? Object.keys(entry.inputs) : [];
  const tolerance = toleranceOf(options.autoCast === 'none' ? 'fp32' : options.autoCastType);
  return judgeCase({
    model,
    options: {
      ...options,
      inputShapes: shapesOf(data, names, model.endsWith('.onnx')),
      preprocess: new Map(),
      level: 2,
    },
    loops: true,
    checks: 'once',
    sets: (signature) => readReferenceData(data, signature),
    tolerance: () => tolerance,
  });
}
