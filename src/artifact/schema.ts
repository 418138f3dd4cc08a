// The decoders of neff.json and the def.json members; those of the other members stand with their types.
import { loadTarget } from '../chip/load-target.js';
import type { ENGINES, Target } from '../chip/target.js';
import type { Executable, Pin, Variable } from '../isa/program.js';
import {
  count,
  counts,
  type Decode,
  dictionary,
  fail,
  finite,
  jsonRecord,
  list,
  oneOf,
  optional,
  record,
  text,
} from './json.js';
import type {
  ByteRange,
  ExecutableInfo,
  HostOperand,
  HostOperator,
  NeffManifest,
  StateUse,
} from './model.js';
import { modelSignature } from './signature.js';

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
  models: list(modelSignature),
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
  if (from === undefined || to === undefined || rest.length > 0 || from >= to)
    return fail(path, 'is no range');
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
