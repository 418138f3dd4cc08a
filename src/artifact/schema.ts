// The JSON members' decoders of all but the host program's steps: one for each record of model.ts, kept complete by its type.
import { loadTarget } from '../chip/load-target.js';
import { ENGINES, type Target } from '../chip/target.js';
import type { Executable, Pin, Variable } from '../isa/program.js';
import {
  count,
  counts,
  type Decode,
  dictionary,
  dtype,
  fail,
  finite,
  json,
  jsonRecord,
  type Keys,
  list,
  oneOf,
  optional,
  record,
  text,
} from './json.js';
import type {
  Bucket,
  ByteRange,
  ConstantEntry,
  DebugInfo,
  DebugStream,
  Dim,
  ExecutableInfo,
  HostOperand,
  HostOperator,
  InputPort,
  ModelSignature,
  NeffManifest,
  Origin,
  OutputPort,
  StateUse,
  TensorPlace,
} from './model.js';

const dim: Decode<Dim> = (value, path) => (typeof value === 'string' ? value : count(value, path));

const PLACE: Keys<TensorPlace> = {
  name: text,
  dtype,
  shape: list(dim),
  variable: optional(count),
  storage: optional(dtype),
};

export const tensorPlace = record<TensorPlace>(PLACE);

const inputPort = record<InputPort>({ ...PLACE, preprocess: optional(text), fill: optional(finite) });
const outputPort = record<OutputPort>({
  ...PLACE,
  crop: optional(list(record<{ readonly axis: number; readonly by: string }>({ axis: count, by: text }))),
});

const bucket = record<Bucket>({ name: text, inputs: list(inputPort), outputs: list(outputPort) });

const model = record<ModelSignature>({
  name: text,
  inputs: list(inputPort),
  outputs: list(outputPort),
  buckets: list(bucket),
  executables: list(text),
  program: text,
  precision: text,
  decode: optional(jsonRecord),
});

const hostOperand: Decode<HostOperand> = (value, path) => {
  const named = typeof value === 'object' && value !== null && 'value' in value;
  return named
    ? record<{ readonly value: string }>({ value: text })(value, path)
    : record<{ readonly constant: number }>({ constant: count })(value, path);
};

const hostOperator = record<HostOperator>({
  op: text,
  node: text,
  attributes: jsonRecord,
  inputs: list(hostOperand),
  outputs: list(text),
  modelledNs: finite,
});

/** The target's record, judged by the rules of target files. */
const target: Decode<Target> = (value) => loadTarget(value, 'neff.json');

const variable = record<Variable>({
  name: text,
  kind: oneOf(['input', 'output', 'state', 'constant', 'scratch']),
  bytes: count,
  constantOffset: optional(count),
});

/** neff.json: the manifest, the variables of the program, the names of the features in use. */
export interface NeffJson extends NeffManifest {
  readonly features: Readonly<Record<string, number>>;
  readonly variables: readonly Variable[];
  /** How many segments and sgNN folders there are. */
  readonly segments: number;
  readonly executables: number;
}

export const neffJson = record<NeffJson>({
  compiler: text,
  target,
  features: dictionary(count),
  options: jsonRecord,
  models: list(model),
  hostOperators: list(hostOperator),
  report: optional(jsonRecord),
  segments: count,
  executables: count,
  variables: list(variable),
});

/** Bytes of each engine's code. */
export type CodeSizes = Readonly<Record<(typeof ENGINES)[number], number>>;
const codeSizes = record<CodeSizes>({ pe: count, act: count, dve: count, pool: count, sp: count });

/** segments/def.json: the segments in order; each .bin of the folder holds them one after another. */
export interface SegmentsDef {
  readonly segments: readonly { readonly name: string; readonly bytes: CodeSizes }[];
}

export const segmentsDef = record<SegmentsDef>({
  segments: list(record<SegmentsDef['segments'][number]>({ name: text, bytes: codeSizes })),
});

const range: Decode<ByteRange> = (value, path) => {
  const [from, to, ...rest] = counts(value, path);
  if (from === undefined || to === undefined || rest.length > 0 || from >= to) return fail(path, 'is no range');
  return [from, to];
};

const stateUse = record<StateUse>({ variable: count, entry: list(range), exit: list(range) });
const pin = record<Pin>({ start: count, parts: count, base: count, bytes: count });

/** sgNN/def.json; each .bin of the folder holds the engine's `load` fragment, then `main`. */
export interface ExecutableDef extends ExecutableInfo, Pick<Executable, 'name' | 'kind' | 'pins'> {
  readonly loadBytes: CodeSizes;
}

export const executableDef = record<ExecutableDef>({
  name: text,
  kind: oneOf(['graph', 'encoder', 'decoder', 'whole']),
  core: count,
  loadBytes: codeSizes,
  pins: list(pin),
  reads: counts,
  writes: counts,
  flags: counts,
  states: list(stateUse),
  registers: list(record<ExecutableInfo['registers'][number]>({ register: count, step: count })),
});

const constantEntry = record<ConstantEntry>({
  name: text,
  sha256: (value, path) => (/^[0-9a-f]{64}$/.test(text(value, path)) ? text(value, path) : fail(path, 'is no SHA-256')),
  offset: count,
  bytes: count,
  dtype,
  shape: counts,
  recipe: optional(json),
});

/** constants.json. */
export interface ConstantsJson {
  readonly tensors: readonly ConstantEntry[];
}

export const constantsJson = record<ConstantsJson>({ tensors: list(constantEntry) });

export const debugJson = record<DebugInfo>({
  origins: list(record<Origin>({ node: text, op: text, file: optional(text), line: optional(count) })),
  streams: list(
    record<DebugStream>({ fragment: oneOf(['segment', 'load', 'main']), index: count, engine: oneOf(ENGINES), runs: counts }),
  ),
});
