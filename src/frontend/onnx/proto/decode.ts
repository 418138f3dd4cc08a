// Decodes a protobuf message by the table in schema.ts into a plain record. Bytes stay views of the file, tensor data
// stay undecoded spans of it. Knows neither graphs nor tensors; what it takes in time and memory is bounded by the
// length of the input and by LIMITS.

import { badInput } from '../../../base/diagnostic.js';
import { LIMITS } from './limits.js';
import { type MessageName, type Proto, SCHEMA, type Scalars } from './schema.js';
import * as wire from './wire.js';

type FieldKind = keyof Scalars | 'varintSpans' | 'fixed32Spans' | 'fixed64Spans' | 'message';
interface FieldPlan {
  readonly name: string;
  /** For messages to the user: `NodeProto.input`. */
  readonly place: string;
  readonly kind: FieldKind;
  readonly many: boolean;
  /** Set where kind is 'message'. */
  readonly message: MessageName | undefined;
}
interface MessagePlan {
  readonly name: MessageName;
  /** Indexed by field number; holes are fields that nobody reads. */
  readonly fields: readonly (FieldPlan | undefined)[];
  /** A record with no field set. New records are copies of it, so that all of one message share one shape. */
  readonly blank: Readonly<DraftRecord>;
}
type DraftRecord = Record<string, unknown>;

interface Decoding {
  readonly cursor: wire.WireCursor;
  records: number;
  nodes: number;
}

/** The value of every absent list; the first element replaces it. */
const NONE: readonly unknown[] = Object.freeze([]);

const PLANS = Object.fromEntries(
  Object.keys(SCHEMA).map((name) => [name, planOf(name as MessageName)]),
) as Record<MessageName, MessagePlan>;

function planOf(message: MessageName): MessagePlan {
  const fields: (FieldPlan | undefined)[] = [];
  const blank: DraftRecord = {};
  for (const [name, [number, kind, count]] of Object.entries(SCHEMA[message])) {
    const isMessage = Object.hasOwn(SCHEMA, kind);
    const many = count === 'many';
    fields[number] = {
      name,
      place: `${message}.${name}`,
      kind: isMessage ? 'message' : (kind as FieldKind),
      many,
      message: isMessage ? (kind as MessageName) : undefined,
    };
    blank[name] = many ? NONE : undefined;
  }
  return { name: message, fields, blank };
}

/**
 * Decodes `bytes` as one message.
 * @throws NeffcError E3003 (cut short), E3004 (not protobuf), E3005 (too deep), E3006 (too large or too many)
 */
export function decodeMessage<M extends MessageName>(message: M, bytes: Uint8Array, file: string): Proto<M> {
  if (bytes.length > LIMITS.modelBytes) {
    throw badInput(
      'E3006',
      `the file has ${bytes.length} bytes, a protobuf message at most ${LIMITS.modelBytes}`,
      { file },
      'Save the weights as external data.',
    );
  }
  const state: Decoding = { cursor: wire.openCursor(bytes, file), records: 0, nodes: 0 };
  const plan = PLANS[message];
  const record = { ...plan.blank };
  readFields(state, plan, record, bytes.length, 1);
  return record as Proto<M>;
}

function readFields(
  state: Decoding,
  plan: MessagePlan,
  record: DraftRecord,
  end: number,
  depth: number,
): void {
  const { cursor } = state;
  const outerEnd = cursor.end;
  cursor.end = end;
  while (cursor.pos < end) {
    const tag = wire.readVarint(cursor, plan.name);
    const number = tag >>> 3;
    const field = cursor.high === 0 ? plan.fields[number] : undefined;
    if (field !== undefined) readField(state, field, record, tag & 7, depth);
    else if (number === 0 || cursor.high !== 0) {
      throw wire.malformed(cursor, `${plan.name} has a field with an impossible number`);
    } else wire.skipValue(cursor, tag & 7, plan.name);
  }
  cursor.end = outerEnd;
}

function readField(
  state: Decoding,
  field: FieldPlan,
  record: DraftRecord,
  tagWire: number,
  depth: number,
): void {
  const { cursor } = state;
  const { place } = field;
  switch (field.kind) {
    case 'text':
      wire.expectWire(cursor, place, tagWire, wire.WIRE.length);
      store(cursor, field, record, wire.readText(cursor, place));
      return;
    case 'bytes': {
      wire.expectWire(cursor, place, tagWire, wire.WIRE.length);
      const end = wire.readEnd(cursor, place);
      store(cursor, field, record, view(cursor.bytes, cursor.pos, end));
      cursor.pos = end;
      return;
    }
    case 'int':
    case 'float':
      readScalars(cursor, field, record, tagWire);
      return;
    case 'varintSpans':
      readSpan(cursor, field, record, tagWire, wire.WIRE.varint);
      return;
    case 'fixed32Spans':
      readSpan(cursor, field, record, tagWire, wire.WIRE.fixed32);
      return;
    case 'fixed64Spans':
      readSpan(cursor, field, record, tagWire, wire.WIRE.fixed64);
      return;
    case 'message':
      wire.expectWire(cursor, place, tagWire, wire.WIRE.length);
      readInnerMessage(state, field, record, depth);
      return;
  }
}

/** A single message field that comes twice is merged, as protobuf demands. */
function readInnerMessage(state: Decoding, field: FieldPlan, record: DraftRecord, depth: number): void {
  const { cursor } = state;
  const plan = PLANS[field.message!];
  const end = wire.readEnd(cursor, field.place);
  if (depth >= LIMITS.depth) {
    throw badInput(
      'E3005',
      `messages are nested deeper than ${LIMITS.depth}`,
      { file: cursor.file, offset: cursor.pos },
      'Flatten nested If, Loop and Scan bodies; other ONNX tools refuse this depth too.',
    );
  }
  if (++state.records > LIMITS.records) throw wire.overLimit(cursor, `more than ${LIMITS.records} records`);
  if (plan.name === 'NodeProto' && ++state.nodes > LIMITS.nodes) {
    throw wire.overLimit(cursor, `more than ${LIMITS.nodes} nodes`);
  }
  const previous = field.many ? undefined : (record[field.name] as DraftRecord | undefined);
  const value = previous ?? { ...plan.blank };
  readFields(state, plan, value, end, depth + 1);
  store(cursor, field, record, value);
}

/** One number, or a packed list of them where the field repeats: a writer may choose either form. */
function readScalars(cursor: wire.WireCursor, field: FieldPlan, record: DraftRecord, tagWire: number): void {
  const isInt = field.kind === 'int';
  const read = isInt ? wire.readInt : wire.readFloat;
  if (!field.many || tagWire !== wire.WIRE.length) {
    wire.expectWire(cursor, field.place, tagWire, isInt ? wire.WIRE.varint : wire.WIRE.fixed32);
    store(cursor, field, record, read(cursor, field.place));
    return;
  }
  const end = wire.readEnd(cursor, field.place);
  const outerEnd = cursor.end;
  cursor.end = end;
  while (cursor.pos < end) store(cursor, field, record, read(cursor, field.place));
  cursor.end = outerEnd;
}

/** Notes where a repeated number lies, packed or not, without decoding it. */
function readSpan(
  cursor: wire.WireCursor,
  field: FieldPlan,
  record: DraftRecord,
  tagWire: number,
  elementWire: number,
): void {
  let start = cursor.pos;
  if (tagWire === wire.WIRE.length) {
    const end = wire.readEnd(cursor, field.place);
    start = cursor.pos;
    cursor.pos = end;
  } else {
    wire.expectWire(cursor, field.place, tagWire, elementWire);
    wire.skipValue(cursor, tagWire, field.place);
  }
  store(cursor, field, record, start);
  store(cursor, field, record, cursor.pos);
}

function store(cursor: wire.WireCursor, field: FieldPlan, record: DraftRecord, value: unknown): void {
  if (!field.many) {
    record[field.name] = value;
    return;
  }
  const list = record[field.name] as unknown[];
  if (list === NONE) record[field.name] = [value];
  else if (list.length < LIMITS.listLength) list.push(value);
  else throw wire.overLimit(cursor, `${field.place} has more than ${LIMITS.listLength} values`);
}

/** A plain Uint8Array over part of a buffer: no copy, and none of Buffer's own methods. */
function view(buffer: Buffer, start: number, end: number): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset + start, end - start);
}
