// Builds ONNX models in tests from plain objects:
//
//   const bytes = model({
//     opset: 17,
//     inputs: { x: 'f32[batch,4]' },
//     outputs: { y: 'f32[batch,2]' },
//     nodes: [node('MatMul', ['x', 'w'], ['h']), node('Softmax', ['h'], ['y'], { axis: -1 })],
//     initializers: { w: tensor('f32', [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]) },
//   });
//
// Types are written as text: `f32[1,n,?]` (a number, a name, or not known), `f32[]` (scalar), `f32` (rank not known),
// `seq(T)`, `optional(T)`, `map(i64,T)`, `sparse(f32[2,3])`. Attribute values say their kind themselves: 1 is an int,
// 0.5 a float, [1, 2] ints, 'NOTSET' a string, a tensor, a graph({...}); where that is not enough (1.0, []) there are
// float(), floats(), ints(), strings(), tensors(), graphs(), type(), ref().

import { byteLength, DTYPES, type DType } from '../../src/base/dtype.js';
import { ELEMENT_TYPES } from '../../src/frontend/onnx/proto/element-type.js';
import {
  type Bytes,
  bytesField,
  concat,
  floatField,
  packedDoubles,
  packedFloats,
  packedVarints,
  varintField,
} from './protobuf-writer.js';

export interface ModelSpec extends GraphSpec {
  /** Version of ai.onnx, or all domains with their versions. Default 17. */
  readonly opset?: number | Readonly<Record<string, number>>;
  /** Default 8. */
  readonly irVersion?: number;
  readonly producer?: string;
  readonly functions?: readonly FunctionSpec[];
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface GraphSpec {
  readonly name?: string;
  /** Value name to type text. */
  readonly inputs?: Readonly<Record<string, string>>;
  readonly outputs?: Readonly<Record<string, string>>;
  readonly valueInfo?: Readonly<Record<string, string>>;
  readonly nodes?: readonly NodeSpec[];
  readonly initializers?: Readonly<Record<string, TensorSpec>>;
  readonly sparseInitializers?: Readonly<Record<string, SparseSpec>>;
}

export interface NodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
}

export interface FunctionSpec {
  readonly name: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly NodeSpec[];
  readonly attributes?: readonly string[];
  readonly attributeDefaults?: Readonly<Record<string, AttributeValue>>;
  /** As in ModelSpec. Default 17. */
  readonly opset?: number | Readonly<Record<string, number>>;
  readonly overload?: string;
}

export interface TensorSpec {
  readonly as: 'tensor';
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values: TensorValues;
  readonly storage: 'raw' | 'typed' | ExternalPlace;
}
/** Numbers for all types (bits for 8-bit floats and smaller); or the bytes as they are in the file. */
export type TensorValues = readonly (number | bigint | boolean)[] | readonly string[] | Bytes;
export interface ExternalPlace {
  readonly location: string;
  readonly offset?: number | string;
  readonly length?: number | string;
}
export interface SparseSpec {
  readonly as: 'sparse';
  readonly shape: readonly number[];
  readonly values: TensorSpec;
  readonly indices: TensorSpec;
}

/** An attribute whose kind is said. */
interface Explicit {
  readonly as: 'attribute';
  readonly bytes: Bytes;
}
interface Subgraph {
  readonly as: 'graph';
  readonly spec: GraphSpec;
}
export type AttributeValue =
  | number
  | bigint
  | string
  | readonly (number | bigint)[]
  | readonly string[]
  | TensorSpec
  | SparseSpec
  | Subgraph
  | Explicit;

/** The bytes of a model file. */
export function model(spec: ModelSpec): Bytes {
  return concat([
    varintField(1, spec.irVersion ?? 8),
    bytesField(2, spec.producer ?? 'neffc-test'),
    bytesField(7, graphBytes(spec)),
    ...opsetFields(8, spec.opset ?? 17),
    ...Object.entries(spec.metadata ?? {}).map(([key, value]) => bytesField(14, entry(key, value))),
    ...(spec.functions ?? []).map((item) => bytesField(25, functionBytes(item))),
  ]);
}

export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
  more: { readonly name?: string; readonly domain?: string; readonly overload?: string } = {},
): NodeSpec {
  const { name = '', domain = '', overload = '' } = more;
  return { op, inputs, outputs, attributes, name, domain, overload };
}

/** A tensor, stored as raw bytes; as numbers (`float_data` and its like) with 'typed'; or in another file. */
export function tensor(
  dtype: DType,
  shape: readonly number[],
  values: TensorValues,
  storage: TensorSpec['storage'] = dtype === 'string' ? 'typed' : 'raw',
): TensorSpec {
  return { as: 'tensor', dtype, shape, values, storage };
}

export function sparse(shape: readonly number[], values: TensorSpec, indices: TensorSpec): SparseSpec {
  return { as: 'sparse', shape, values, indices };
}

/** A body of If, Loop or Scan, as attribute value. */
export function graph(spec: GraphSpec): Subgraph {
  return { as: 'graph', spec };
}

const explicit = (code: number, ...fields: Bytes[]): Explicit => ({
  as: 'attribute',
  bytes: concat([varintField(20, code), ...fields]),
});
export const float = (value: number) => explicit(1, floatField(2, value));
export const floats = (values: readonly number[]) =>
  explicit(6, ...values.map((value) => floatField(7, value)));
export const ints = (values: readonly (number | bigint)[]) => explicit(7, ...varintFields(8, values));
export const strings = (values: readonly string[]) =>
  explicit(8, ...values.map((value) => bytesField(9, value)));
export const tensors = (values: readonly TensorSpec[]) =>
  explicit(9, ...values.map((value) => bytesField(10, tensorProto(value))));
export const graphs = (values: readonly GraphSpec[]) =>
  explicit(10, ...values.map((value) => bytesField(11, graphBytes(value))));
export const type = (value: string) => explicit(13, bytesField(14, typeBytes(value)));
export const types = (values: readonly string[]) =>
  explicit(14, ...values.map((value) => bytesField(15, typeBytes(value))));

const REF_CODES = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
} as const;
/** In the body of a function: the attribute `name` of the caller. */
export const ref = (name: string, kind: keyof typeof REF_CODES) =>
  explicit(REF_CODES[kind], bytesField(21, name));

/** The bytes of a TensorProto, as in `input_0.pb`. */
export function tensorProto(spec: TensorSpec, name = ''): Bytes {
  const { dtype, storage } = spec;
  const head = [...varintFields(1, spec.shape), varintField(2, elementCode(dtype)), bytesField(8, name)];
  if (typeof storage === 'object') return concat([...head, ...externalFields(storage), varintField(14, 1)]);
  if (storage === 'raw') return concat([...head, bytesField(9, rawBytes(dtype, spec.values))]);
  return concat([...head, ...typedFields(dtype, spec.values)]);
}

/** The bytes of a SequenceProto of tensors. */
export function sequenceProto(values: readonly TensorSpec[], name = ''): Bytes {
  return concat([
    bytesField(1, name),
    varintField(2, 1),
    ...values.map((value) => bytesField(3, tensorProto(value))),
  ]);
}

/** The bytes of an OptionalProto with a tensor, or with nothing. */
export function optionalProto(value: TensorSpec | undefined, name = ''): Bytes {
  const head = [bytesField(1, name), varintField(2, value ? 1 : 0)];
  return concat(value ? [...head, bytesField(3, tensorProto(value))] : head);
}

export function sparseProto(spec: SparseSpec, name = ''): Bytes {
  return concat([
    bytesField(1, tensorProto(spec.values, name)),
    bytesField(2, tensorProto(spec.indices)),
    ...varintFields(3, spec.shape),
  ]);
}

export function graphBytes(spec: GraphSpec): Bytes {
  const infos = (number: number, values: Readonly<Record<string, string>> = {}) =>
    Object.entries(values).map(([name, text]) => bytesField(number, valueInfo(name, text)));
  return concat([
    ...(spec.nodes ?? []).map((item) => bytesField(1, nodeBytes(item))),
    bytesField(2, spec.name ?? 'graph'),
    ...Object.entries(spec.initializers ?? {}).map(([name, item]) => bytesField(5, tensorProto(item, name))),
    ...infos(11, spec.inputs),
    ...infos(12, spec.outputs),
    ...infos(13, spec.valueInfo),
    ...Object.entries(spec.sparseInitializers ?? {}).map(([name, item]) =>
      bytesField(15, sparseProto(item, name)),
    ),
  ]);
}

export function nodeBytes(spec: NodeSpec): Bytes {
  return concat([
    ...spec.inputs.map((name) => bytesField(1, name)),
    ...spec.outputs.map((name) => bytesField(2, name)),
    ...nameField(3, spec.name),
    bytesField(4, spec.op),
    ...attributeFields(5, spec.attributes),
    ...nameField(7, spec.domain),
    ...nameField(8, spec.overload),
  ]);
}

function functionBytes(spec: FunctionSpec): Bytes {
  return concat([
    bytesField(1, spec.name),
    ...spec.inputs.map((name) => bytesField(4, name)),
    ...spec.outputs.map((name) => bytesField(5, name)),
    ...(spec.attributes ?? []).map((name) => bytesField(6, name)),
    ...spec.nodes.map((item) => bytesField(7, nodeBytes(item))),
    ...opsetFields(9, spec.opset ?? 17),
    bytesField(10, spec.domain),
    ...attributeFields(11, spec.attributeDefaults ?? {}),
    ...nameField(13, spec.overload ?? ''),
  ]);
}

/** A name that is left out where it is empty, as other writers do. */
function nameField(number: number, name: string): Bytes[] {
  return name === '' ? [] : [bytesField(number, name)];
}

/** A list that is not packed, as the reference writer leaves dims and attributes. */
function varintFields(number: number, values: readonly (number | bigint)[]): Bytes[] {
  return values.map((value) => varintField(number, value));
}

function opsetFields(number: number, opset: number | Readonly<Record<string, number>>): Bytes[] {
  const versions = typeof opset === 'number' ? { '': opset } : opset;
  return Object.entries(versions).map(([domain, version]) =>
    bytesField(number, concat([bytesField(1, domain), varintField(2, version)])),
  );
}

function attributeFields(number: number, attributes: Readonly<Record<string, AttributeValue>>): Bytes[] {
  return Object.entries(attributes).map(([name, value]) =>
    bytesField(number, concat([bytesField(1, name), attributeBytes(value)])),
  );
}

function attributeBytes(value: AttributeValue): Bytes {
  if (typeof value === 'string') return explicit(3, bytesField(4, value)).bytes;
  if (typeof value === 'bigint' || Number.isInteger(value)) {
    return explicit(2, varintField(3, value as number | bigint)).bytes;
  }
  if (typeof value === 'number') return float(value).bytes;
  if (Array.isArray(value)) {
    if (value.length === 0)
      throw new Error('an empty list has no kind: use ints([]), floats([]), strings([])');
    if (value.every((item) => typeof item === 'string')) return strings(value).bytes;
    const isInts = value.every((item) => typeof item === 'bigint' || Number.isInteger(item));
    return (isInts ? ints(value) : floats(value)).bytes;
  }
  const item = value as TensorSpec | SparseSpec | Subgraph | Explicit;
  switch (item.as) {
    case 'tensor':
      return explicit(4, bytesField(5, tensorProto(item))).bytes;
    case 'sparse':
      return explicit(11, bytesField(22, sparseProto(item))).bytes;
    case 'graph':
      return explicit(5, bytesField(6, graphBytes(item.spec))).bytes;
    case 'attribute':
      return item.bytes;
  }
}

function valueInfo(name: string, text: string): Bytes {
  return concat([bytesField(1, name), ...(text === '' ? [] : [bytesField(2, typeBytes(text))])]);
}

/** The bytes of a TypeProto from its text. */
export function typeBytes(text: string): Bytes {
  const call = /^(seq|optional|map|sparse)\((.*)\)$/.exec(text.trim());
  if (!call) return bytesField(1, tensorTypeBytes(text));
  const [, form, inner = ''] = call;
  switch (form) {
    case 'seq':
      return bytesField(4, bytesField(1, typeBytes(inner)));
    case 'optional':
      return bytesField(9, bytesField(1, typeBytes(inner)));
    case 'sparse':
      return bytesField(8, tensorTypeBytes(inner));
    default: {
      const comma = inner.indexOf(',');
      const key = inner.slice(0, comma).trim() as DType;
      const value = typeBytes(inner.slice(comma + 1));
      return bytesField(5, concat([varintField(1, elementCode(key)), bytesField(2, value)]));
    }
  }
}

function tensorTypeBytes(text: string): Bytes {
  const parts = /^\s*(\w+)\s*(?:\[(.*)\])?\s*$/.exec(text);
  if (!parts) throw new Error(`not a type: ${text}`);
  const [, name, dims] = parts;
  const element = varintField(1, elementCode(name as DType));
  if (dims === undefined) return element;
  const fields = dims.trim() === '' ? [] : dims.split(',').map((dim) => bytesField(1, dimBytes(dim.trim())));
  return concat([element, bytesField(2, concat(fields))]);
}

function dimBytes(dim: string): Bytes {
  if (dim === '?') return new Uint8Array(0);
  return /^-?\d+$/.test(dim) ? varintField(1, Number(dim)) : bytesField(2, dim);
}

function elementCode(dtype: DType): number {
  const code = ELEMENT_TYPES.findIndex((row) => row?.dtype === dtype);
  if (code < 0) throw new Error(`no ONNX element type for ${dtype}`);
  return code;
}

function entry(key: string, value: string): Bytes {
  return concat([bytesField(1, key), bytesField(2, value)]);
}

function externalFields({ location, offset, length }: ExternalPlace): Bytes[] {
  const entries = {
    location,
    ...(offset !== undefined && { offset }),
    ...(length !== undefined && { length }),
  };
  return Object.entries(entries).map(([key, value]) => bytesField(13, entry(key, `${value}`)));
}

function typedFields(dtype: DType, values: TensorValues): Bytes[] {
  if (dtype === 'string') return (values as readonly string[]).map((value) => bytesField(6, value));
  const numbers = [...values].map(Number);
  switch (dtype) {
    case 'f32':
    case 'c64':
      return [packedFloats(4, numbers)];
    case 'f64':
    case 'c128':
      return [packedDoubles(10, numbers)];
    case 'i64':
      return [packedVarints(7, values as readonly (number | bigint)[])];
    case 'u32':
    case 'u64':
      return [packedVarints(11, values as readonly (number | bigint)[])];
    default: {
      // int32_data holds the bits of 16-bit floats, and one byte of packed elements an entry.
      const bytes = rawBytes(dtype, values);
      if (dtype === 'f16' || dtype === 'bf16')
        return [packedVarints(5, [...new Uint16Array(bytes.slice().buffer)])];
      return [packedVarints(5, DTYPES[dtype].bits < 8 ? [...bytes] : numbers)];
    }
  }
}

/** Little-endian bytes of the elements; sub-byte types are packed, low bits first. */
export function rawBytes(dtype: DType, values: TensorValues): Bytes {
  if (values instanceof Uint8Array) return values;
  const list = values as readonly (number | bigint | boolean)[];
  const { bits, kind } = DTYPES[dtype];
  const parts = kind === 'complex' ? 2 : 1;
  const bytes = new Uint8Array(byteLength(dtype, list.length / parts));
  const view = new DataView(bytes.buffer);
  list.forEach((value, i) => {
    if (bits < 8) {
      const at = i * bits;
      bytes[at >> 3]! |= (Number(value) & ((1 << bits) - 1)) << (at & 7);
    } else if (dtype === 'f64' || dtype === 'c128') view.setFloat64(i * 8, Number(value), true);
    else if (dtype === 'f32' || dtype === 'c64') view.setFloat32(i * 4, Number(value), true);
    else if (dtype === 'f16') view.setUint16(i * 2, halfBits(Number(value)), true);
    else if (dtype === 'bf16') view.setUint16(i * 2, bfloatBits(Number(value)), true);
    else if (bits === 64) view.setBigInt64(i * 8, BigInt.asIntN(64, BigInt(value)), true);
    else if (bits === 32) view.setInt32(i * 4, Number(value), true);
    else if (bits === 16) view.setInt16(i * 2, Number(value), true);
    else view.setInt8(i, Number(value));
  });
  return bytes;
}

/** Bits of the half-precision float nearest to `value`, ties to even. */
function halfBits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(size)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  const steps = roundTiesToEven((size / 2 ** exponent) * 1024);
  // Steps of 2048 carry into the exponent by themselves, and below 1024 the number is subnormal.
  return sign | (steps + (exponent + 14) * 1024);
}

function bfloatBits(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!;
  if (Number.isNaN(value)) return 0x7fc0;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function roundTiesToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
