// One case of the ONNX backend test format, `NAME/model.onnx` with `NAME/test_data_set_K/*.pb`. Tolerances are those of the
// official runner (rtol 1e-3, atol 1e-7), for types of fewer bits one or two units of their last place; integers are equal.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DType } from '../base/dtype.js';
import type { Target } from '../chip/target.js';
import { modelInputs } from '../frontend/onnx/import.js';
import { externalDataReader } from '../frontend/onnx/proto/external-files.js';
import { readOnnxModel } from '../frontend/onnx/proto/read.js';
import type { Tolerance } from './compare.js';
import type { InputShapes } from './load-model.js';
import { judgeCase, type Verdict } from './model-case.js';
import { readReferenceData } from './reference-data.js';
import { readOnnxData } from './tensor-files/onnx-data.js';

/** Distance of neighbours relative to their value, at most. */
const SPACING: Partial<Record<DType, number>> = {
  f16: 2 ** -10,
  bf16: 2 ** -7,
  f8e4m3fn: 2 ** -3,
  f8e4m3fnuz: 2 ** -3,
  f8e5m2: 2 ** -2,
  f8e5m2fnuz: 2 ** -2,
  f8e8m0: 1,
  f4e2m1: 2 ** -1,
};
/** Reference and result have each been rounded, and 16-bit ones at several places on the way. */
const UNITS: Partial<Record<DType, number>> = { f16: 2, bf16: 2 };
const RELATIVE = 1e-3;

function toleranceFor(dtype: string): Tolerance {
  const relative = Math.max(RELATIVE, (SPACING[dtype as DType] ?? 0) * (UNITS[dtype as DType] ?? 1));
  return { kind: 'elements', relative, absolute: 0, cosine: -1, integers: 0 };
}

/** Shapes and types of the inputs of the first data set, by position: node tests declare some dims and ranks only by them. */
function shapesFromData(folder: string): InputShapes {
  const file = join(folder, 'model.onnx');
  const model = readOnnxModel(readFileSync(file), { file, readExternal: externalDataReader(folder) });
  const shapes = new Map<string, { shape: readonly number[] }>();
  for (const [i, { type }] of modelInputs(model).entries()) {
    if (type?.kind !== 'tensor' || type.dims?.every((d) => typeof d === 'number')) continue;
    const data = join(folder, 'test_data_set_0', `input_${i}.pb`);
    shapes.set(String(i), { shape: readOnnxData(readFileSync(data), data).shape });
  }
  return shapes;
}

/** Judges the case in a folder. Never throws. */
export function judgeConformanceCase(folder: string, target: Target): Verdict {
  let inputShapes: InputShapes;
  try {
    inputShapes = shapesFromData(folder);
  } catch {
    // The model or its data cannot be read: the compilation says why.
    inputShapes = new Map();
  }
  return judgeCase({
    model: join(folder, 'model.onnx'),
    options: {
      target,
      autoCast: 'none',
      autoCastType: 'bf16',
      inputShapes,
      hostOps: 'allow',
      preprocess: new Map(),
      level: 2,
    },
    checks: 'always',
    sets: (signature) => readReferenceData(folder, signature),
    tolerance: toleranceFor,
  });
}

/** Names of the cases in a folder, sorted. */
export function conformanceCases(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && readdirSync(join(folder, entry.name)).includes('model.onnx'))
    .map((entry) => entry.name)
    .sort();
}
