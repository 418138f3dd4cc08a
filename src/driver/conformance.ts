// One case of the ONNX backend test format: `NAME/model.onnx` with `NAME/test_data_set_K/*.pb`. Tolerances are those of the official
// runner (rtol 1e-3, atol 1e-7), for types of fewer bits one or two units of their last place; integers are equal. Inputs that
// decide shapes or axes are given their values at compile time where the case compiles only so; the verdict names them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DType, isInteger } from '../base/dtype.js';
import { elementCount, type HostTensor } from '../base/tensor.js';
import type { Target } from '../chip/target.js';
import { modelInputs } from '../frontend/onnx/import.js';
import type { GivenInput } from '../frontend/onnx/inputs.js';
import { externalDataReader } from '../frontend/onnx/proto/external-files.js';
import type { OnnxModel, OnnxValue, OnnxValueInfo } from '../frontend/onnx/proto/model.js';
import { readOnnxModel } from '../frontend/onnx/proto/read.js';
import { readValueProto } from '../frontend/onnx/proto/values.js';
import type { Tolerance } from './compare.js';
import type { CompileOptions } from './compile.js';
import { judgeCase, type Verdict } from './model-case.js';
import type { ReferenceSet } from './reference-data.js';
import { hostTensorOf } from './tensor-files/onnx-data.js';

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

/** A port of the model with its recorded value; undefined where the value is none (an empty optional). */
interface Recorded {
  readonly name: string;
  readonly value: OnnxValue | undefined;
}

function readRecorded(folder: string, kind: 'input' | 'output', ports: readonly OnnxValueInfo[]): Recorded[] {
  return ports.flatMap(({ name, type }, i): Recorded[] => {
    const file = join(folder, `${kind}_${i}.pb`);
    if (!existsSync(file)) return [];
    const declared = type?.kind === undefined || type.kind === 'opaque' ? 'tensor' : type.kind;
    return [
      {
        name,
        value: readValueProto(readFileSync(file), declared, { file, readExternal: () => new Uint8Array(0) }),
      },
    ];
  });
}

/** The tensors of a value under the names that an artifact gives them: those of a sequence with their positions. */
function tensorsOf(name: string, value: OnnxValue | undefined): (readonly [string, HostTensor])[] {
  if (value?.kind === 'tensor') return [[name, hostTensorOf(value.tensor)]];
  if (value?.kind === 'sequence')
    return value.elements.flatMap((element, i) => tensorsOf(`${name}.${i}`, element));
  return value?.kind === 'optional' ? tensorsOf(name, value.element) : [];
}

function formOf(value: OnnxValue | undefined): GivenInput {
  if (value?.kind === 'tensor') return { shape: value.tensor.shape };
  if (value?.kind === 'sequence') {
    return {
      elements: value.elements
        .flatMap((element) => tensorsOf('', element))
        .map(([, { shape }]) => ({ shape })),
    };
  }
  return value?.kind === 'optional' && value.element !== undefined ? formOf(value.element) : 'absent';
}

/** Most elements of an input that may be given at compile time: it decides shapes, and is no data. */
const MOST_FIXED = 64;

const mayBeFixed = ({ shape }: HostTensor): boolean => shape.length <= 1 && elementCount(shape) <= MOST_FIXED;

interface Case {
  readonly model: OnnxModel;
  readonly sets: readonly ReferenceSet[];
  /** Forms of the inputs that are no tensors of declared shape. */
  readonly forms: ReadonlyMap<string, GivenInput>;
}

function readCase(folder: string): Case {
  const file = join(folder, 'model.onnx');
  const model = readOnnxModel(readFileSync(file), { file, readExternal: externalDataReader(folder) });
  const inputs = modelInputs(model);
  const data = readdirSync(folder)
    .filter((name) => /^test_data_set_\d+$/.test(name))
    .sort();
  const recorded = data.map((name) => ({
    name,
    inputs: readRecorded(join(folder, name), 'input', inputs),
    outputs: readRecorded(join(folder, name), 'output', model.graph.outputs),
  }));
  const tensors = (list: readonly Recorded[]) =>
    new Map(list.flatMap(({ name, value }) => tensorsOf(name, value)));
  const open = new Set(
    inputs
      .filter(
        ({ type }) =>
          type?.kind !== 'tensor' || !(type.dims ?? [undefined]).every((d) => typeof d === 'number'),
      )
      .map((i) => i.name),
  );
  const forms = (recorded[0]?.inputs ?? [])
    .filter((r) => open.has(r.name))
    .map((r) => [r.name, formOf(r.value)] as const);
  return {
    model,
    sets: recorded.map(({ name, ...r }) => ({
      name,
      inputs: tensors(r.inputs),
      outputs: tensors(r.outputs),
    })),
    forms: new Map(forms),
  };
}

/** Judges the case in a folder. Never throws. */
export function judgeConformanceCase(folder: string, target: Target): Verdict {
  let given: Case;
  try {
    given = readCase(folder);
  } catch (error) {
    return {
      verdict: 'refused',
      reason: `the case cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
  const plain = judge(folder, target, given, new Map());
  if (plain.verdict !== 'refused') return plain;
  const names = new Set(modelInputs(given.model).map((input) => input.name));
  const small = [...(given.sets[0]?.inputs ?? [])].filter(
    ([name, value]) => names.has(name) && mayBeFixed(value),
  );
  const whole = small.filter(([, { dtype }]) => isInteger(dtype) || dtype === 'bool');
  // Integers decide shapes more often than floats do.
  for (const known of [whole, small]) {
    const fixed = known.length === 0 ? plain : judge(folder, target, given, new Map(known));
    if (fixed.verdict !== 'refused') return { ...fixed, fixedInputs: known.map(([name]) => name) };
  }
  return plain;
}

function judge(
  folder: string,
  target: Target,
  { sets, forms }: Case,
  inputValues: ReadonlyMap<string, HostTensor>,
): Verdict {
  const options: CompileOptions = {
    target,
    autoCast: 'none',
    autoCastType: 'bf16',
    inputShapes: new Map(),
    collections: forms,
    inputValues,
    hostOps: 'allow',
    preprocess: new Map(),
    level: 2,
  };
  return judgeCase({
    model: join(folder, 'model.onnx'),
    options,
    loops: false,
    checks: 'always',
    sets: () => sets,
    tolerance: toleranceFor,
  });
}

/** Names of the cases in a folder, sorted. */
export function conformanceCases(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, 'model.onnx')))
    .map((entry) => entry.name)
    .sort();
}
