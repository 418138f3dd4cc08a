// TensorProto to OnnxTensor: finds the values in whichever of the file's eight places they are, without a copy where
// they already lie there as little-endian bytes (raw_data, packed float and double lists, external data). What comes
// out has exactly the bytes that its shape and element type demand.

import { badInput, type Place } from '../../../base/diagnostic.js';
import { byteLength, DTYPES, type DType, elementBytes } from '../../../base/dtype.js';
import { type ElementType, elementType, type TypedField } from './element-type.js';
import { externalBytes } from './external-data.js';
import type { OnnxSparseTensor, OnnxTensor } from './model.js';
import type { Proto, Spans } from './schema.js';
import { toShape } from './types.js';
import { openCursor, readVarint } from './wire.js';

export interface ReadOptions {
  /** How messages and OnnxTensor.source call the file. */
  readonly file: string;
  /**
   * Content of an external data file by its path relative to the model, as from externalDataReader. Called once per
   * tensor, so it must answer from memory the second time.
   */
  readonly readExternal: (relativePath: string) => Uint8Array;
}

/** The file that a message came from. */
export interface FileContext extends ReadOptions {
  readonly bytes: Uint8Array;
}

/** A tensor to convert, and how messages should speak of it. */
interface Subject {
  readonly proto: Proto<'TensorProto'>;
  readonly context: FileContext;
  readonly what: string;
  readonly where: Place;
}
type IntegerField = 'int32Data' | 'int64Data' | 'uint64Data';
type Content = Pick<OnnxTensor, 'data' | 'strings' | 'source'>;

const TYPED_FIELDS: readonly TypedField[] = [
  'floatData',
  'doubleData',
  'int32Data',
  'int64Data',
  'uint64Data',
  'stringData',
];
const EXTERNAL_LOCATION = 1;
const NO_BYTES = new Uint8Array(0);

/**
 * @param what names the tensor in messages: `initializer "w"`
 * @throws NeffcError E3006, E3010 to E3017, E4010
 */
export function toTensor(
  proto: Proto<'TensorProto'>,
  context: FileContext,
  what: string,
  where: Place,
): OnnxTensor {
  const subject: Subject = { proto, context, what, where };
  const type = elementType(proto.dataType, what, where);
  const { shape, count } = toShape(proto.dims, what, where);
  const content =
    proto.dataLocation === EXTERNAL_LOCATION
      ? externalContent(subject, type.dtype, count)
      : inlineContent(subject, type, count);
  return { name: proto.name ?? '', dtype: type.dtype, shape, ...content };
}

/** @throws NeffcError as toTensor, and E3014 where values or indices are missing or do not fit each other */
export function toSparseTensor(
  proto: Proto<'SparseTensorProto'>,
  context: FileContext,
  what: string,
  where: Place,
): OnnxSparseTensor {
  const { shape } = toShape(proto.dims, what, where);
  if (!proto.values) throw contradiction(`${what} is sparse and has no values`, where);
  const values = toTensor(proto.values, context, what, where);
  // A sparse tensor without a non-zero element may leave its indices out.
  const indices = proto.indices
    ? toTensor(proto.indices, context, `${what} (indices)`, where)
    : { name: '', dtype: 'i64' as const, shape: [0], data: NO_BYTES, strings: undefined, source: undefined };
  const [nonZero = 0] = values.shape;
  const [positions, coordinates] = indices.shape;
  const fits =
    values.shape.length === 1 &&
    indices.dtype === 'i64' &&
    positions === nonZero &&
    (indices.shape.length === 1 || (indices.shape.length === 2 && coordinates === shape.length));
  if (!fits) {
    throw contradiction(
      `${what} is sparse with values of shape [${values.shape}] and ${indices.dtype} indices of shape [${indices.shape}]`,
      where,
    );
  }
  return { name: values.name, values, indices, shape };
}

function externalContent(subject: Subject, dtype: DType, count: number): Content {
  const { proto, context, what, where } = subject;
  if (dtype === 'string') {
    throw contradiction(`${what} holds strings, which cannot be external data`, where);
  }
  const present = presentFields(proto);
  if (present.length > 0) {
    throw contradiction(`${what} has external data and values in ${present.join(', ')} as well`, where);
  }
  const entries = new Map(proto.externalData.map((entry) => [entry.key ?? '', entry.value ?? '']));
  const expected = byteLength(dtype, count);
  const { data, source } = externalBytes(entries, expected, context.readExternal, what, where);
  return { data, strings: undefined, source };
}

function inlineContent(subject: Subject, type: ElementType, count: number): Content {
  const { proto, context, what, where } = subject;
  const present = presentFields(proto);
  if (present.length > 1) throw contradiction(`${what} has values in ${present.join(' and ')}`, where);
  const [field] = present;
  if (field === undefined) {
    if (count > 0) throw contradiction(`${what} of shape [${proto.dims}] has no values`, where);
    return { data: NO_BYTES, strings: type.dtype === 'string' ? [] : undefined, source: undefined };
  }
  if (field === 'rawData' && type.dtype !== 'string') {
    return located(checkedLength(subject, type.dtype, count, proto.rawData!), context);
  }
  if (field !== type.field) {
    throw contradiction(`${what} has element type ${type.name} and its values in ${field}`, where);
  }
  if (field === 'stringData') {
    if (proto.stringData.length !== count) {
      throw wrongSize(subject, `${proto.stringData.length} strings`, `${count}`);
    }
    return { data: NO_BYTES, strings: proto.stringData, source: undefined };
  }
  if (field === 'floatData' || field === 'doubleData') {
    const spans = proto[field];
    const data = checkedLength(subject, type.dtype, count, spanBytes(context.bytes, spans));
    return spans.length === 2 ? located(data, context) : { data, strings: undefined, source: undefined };
  }
  const data = packIntegers(subject, type.dtype, count, proto[field as IntegerField]);
  return { data, strings: undefined, source: undefined };
}

/** The places that hold values. An empty raw_data beside a typed list is how some writers leave it out. */
function presentFields(proto: Proto<'TensorProto'>): ('rawData' | TypedField)[] {
  const typed = TYPED_FIELDS.filter((field) => proto[field].length > 0);
  const hasRaw = proto.rawData !== undefined && (proto.rawData.length > 0 || typed.length === 0);
  return hasRaw ? ['rawData', ...typed] : typed;
}

function located(data: Uint8Array, context: FileContext): Content {
  const offset = data.byteOffset - context.bytes.byteOffset;
  return { data, strings: undefined, source: { file: context.file, offset } };
}

/** The bytes of a list of fixed-width numbers: a view if it is in one piece, as all usual writers leave it. */
function spanBytes(bytes: Uint8Array, spans: Spans): Uint8Array {
  const [start = 0, end = start] = spans;
  if (spans.length === 2) return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
  const joined = new Uint8Array(spansLength(spans));
  let at = 0;
  for (let i = 0; i < spans.length; i += 2) {
    const piece = bytes.subarray(spans[i], spans[i + 1]);
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

function spansLength(spans: Spans): number {
  let total = 0;
  for (let i = 0; i < spans.length; i += 2) total += spans[i + 1]! - spans[i]!;
  return total;
}

/** Converts varints to little-endian elements. One entry holds one element, or one byte of packed sub-byte elements. */
function packIntegers(subject: Subject, dtype: DType, count: number, spans: Spans): Uint8Array {
  const entries = DTYPES[dtype].bits < 8 ? byteLength(dtype, count) : count;
  const width = elementBytes(dtype);
  // A varint takes at least a byte: this bounds what is allocated by the size of the file.
  const available = spansLength(spans);
  if (available < entries) throw wrongSize(subject, `at most ${available} values`, `${entries}`);
  const data = new Uint8Array(entries * width);
  const cursor = openCursor(subject.context.bytes, subject.context.file);
  let at = 0;
  for (let i = 0; i < spans.length; i += 2) {
    cursor.pos = spans[i]!;
    cursor.end = spans[i + 1]!;
    while (cursor.pos < cursor.end) {
      if (at === data.length) throw wrongSize(subject, `more than ${entries} values`, `${entries}`);
      const low = readVarint(cursor, subject.what);
      for (let byte = 0; byte < width; byte++) {
        data[at++] = (byte < 4 ? low : cursor.high) >>> (8 * (byte & 3));
      }
    }
  }
  if (at !== data.length) throw wrongSize(subject, `${at / width} values`, `${entries}`);
  return data;
}

function checkedLength(subject: Subject, dtype: DType, count: number, data: Uint8Array): Uint8Array {
  const expected = byteLength(dtype, count);
  if (data.length !== expected) throw wrongSize(subject, `${data.length} bytes`, `${expected} (${dtype})`);
  return data;
}

function wrongSize(subject: Subject, found: string, expected: string) {
  return badInput(
    'E3013',
    `${subject.what} has ${found} of data where its shape [${subject.proto.dims.join(', ')}] needs ${expected}`,
    subject.where,
    'The file is damaged or its exporter is broken; export the model again.',
  );
}

function contradiction(message: string, where: Place) {
  return badInput('E3014', message, where, 'Export the model again; `onnx.checker` reports the same.');
}
