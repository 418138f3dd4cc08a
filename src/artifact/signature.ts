// The signature of a model: its tensors between host and device, their shapes, types and variables. A type and its decoder stand
// together; a key that one has and the other lacks does not compile. Variables are indices of Program.variables.
import type { DType } from '../base/dtype.js';
import {
  count,
  type Decode,
  dtype,
  finite,
  type JsonRecord,
  jsonRecord,
  type Keys,
  list,
  optional,
  record,
  text,
} from './json.js';

/** A count, or the name of a dim that is known when a request runs. */
export type Dim = number | string;

const dim: Decode<Dim> = (value, path) => (typeof value === 'string' ? value : count(value, path));

/** A tensor between host and device. */
export interface TensorPlace {
  readonly name: string;
  /** Element type on the host: the source's. */
  readonly dtype: DType;
  readonly shape: readonly Dim[];
  /** DRAM variable, row-major; absent where the tensor never leaves the host. */
  readonly variable?: number;
  /** Element type in DRAM where it is another (i64 carried as i32; values that do not fit are refused). */
  readonly storage?: DType;
}

const PLACE: Keys<TensorPlace> = {
  name: text,
  dtype,
  shape: list(dim),
  variable: optional(count),
  storage: optional(dtype),
};

export const tensorPlace = record<TensorPlace>(PLACE);

export interface InputPort extends TensorPlace {
  /** Steps applied to image files, as `--preprocess` takes them. */
  readonly preprocess?: string;
  /** Every element, where a request does not give this input. */
  readonly fill?: number;
  /** Hash of the values that the model was compiled for: a request may leave the input out, and no device takes it. */
  readonly fixed?: string;
}

const inputPort = record<InputPort>({
  ...PLACE,
  preprocess: optional(text),
  fill: optional(finite),
  fixed: optional(text),
});

export interface OutputPort extends TensorPlace {
  /** Axes that end where a one-word host value says, e.g. the tokens of the steps that ran. */
  readonly crop?: readonly Crop[];
}

export interface Crop {
  readonly axis: number;
  /** Host value. */
  readonly by: string;
}

const outputPort = record<OutputPort>({
  ...PLACE,
  crop: optional(list(record<Crop>({ axis: count, by: text }))),
});

/** One set of shapes of a model; its tensors have variables of their own. */
export interface Bucket {
  readonly name: string;
  readonly inputs: readonly InputPort[];
  readonly outputs: readonly OutputPort[];
}

const bucket = record<Bucket>({ name: text, inputs: list(inputPort), outputs: list(outputPort) });

export interface ModelSignature {
  readonly name: string;
  /** In the source's order. With buckets the dims that differ are named, and the variables are the buckets'. */
  readonly inputs: readonly InputPort[];
  readonly outputs: readonly OutputPort[];
  /** Ascending; empty where there is one set of shapes. */
  readonly buckets: readonly Bucket[];
  /** Executables it uses, by name. */
  readonly executables: readonly string[];
  /** Host program, by name. */
  readonly program: string;
  /** Effective arithmetic: `fp32`, `bf16`, `fp16`, …; `verify` takes its tolerance from it. */
  readonly precision: string;
  /** How a loop was built: variant, incremental, partition ends, max steps, bos, eos, pad. Free form, with a `schema` number. */
  readonly decode?: JsonRecord;
}

export const modelSignature = record<ModelSignature>({
  name: text,
  inputs: list(inputPort),
  outputs: list(outputPort),
  buckets: list(bucket),
  executables: list(text),
  program: text,
  precision: text,
  decode: optional(jsonRecord),
});
