// The primitives of the protobuf wire format over a byte array: varints, fixed-width numbers, lengths, strings.
// Every read is checked against the end of the enclosing message, which is `cursor.end`.
//
// Written here and not taken from a package: the generated decoder of onnx-proto knows only ONNX 1.10 (no 4-bit and
// 8-bit floats, no overloads), turns integers into Long objects and has no limit on depth or count; the Reader of
// protobufjs below it takes a varint of six to nine bytes for one of ten and reads past the end of inner messages.
// Both serve the tests as second opinion.

import { badInput, type NeffcError } from '../../../base/diagnostic.js';
import { LIMITS } from './limits.js';

export interface WireCursor {
  readonly bytes: Buffer;
  readonly file: string;
  pos: number;
  /** End of the message being read, exclusive. */
  end: number;
  /** The halves of the varint read last, as unsigned 32-bit numbers. */
  low: number;
  high: number;
}

export const WIRE = { varint: 0, fixed64: 1, length: 2, fixed32: 5 } as const;
const WIRE_NAMES = ['a varint', '8 bytes', 'a length and bytes', 'a group', 'the end of a group', '4 bytes'];
const MAX_VARINT_BYTES = 10;

export function openCursor(bytes: Uint8Array, file: string): WireCursor {
  // A Buffer over the same memory, for its UTF-8 decoder.
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { bytes: buffer, file, pos: 0, end: buffer.length, low: 0, high: 0 };
}

/** Reads a varint of up to 64 bits into `cursor.low` and `cursor.high`, and returns the low half. */
export function readVarint(cursor: WireCursor, place: string): number {
  const { bytes, end } = cursor;
  let pos = cursor.pos;
  let low = 0;
  let high = 0;
  for (let i = 0; i < MAX_VARINT_BYTES; i++) {
    if (pos >= end) throw cutShort(cursor, `${place} ends in the middle of a number`);
    const byte = bytes[pos++]!;
    const bits = byte & 0x7f;
    if (i < 4) low |= bits << (7 * i);
    else if (i > 4) high |= bits << (7 * i - 32);
    else {
      low |= bits << 28;
      high = bits >> 4;
    }
    if (byte < 0x80) {
      cursor.pos = pos;
      cursor.low = low >>> 0;
      cursor.high = high >>> 0;
      return cursor.low;
    }
  }
  throw malformed(cursor, `${place} has a number of more than ${MAX_VARINT_BYTES} bytes`);
}

/** Reads an int64; the result is a bigint only where a number would not be exact. */
export function readInt(cursor: WireCursor, place: string): number | bigint {
  const low = readVarint(cursor, place);
  const high = cursor.high | 0;
  const value = high * 2 ** 32 + low;
  return Number.isSafeInteger(value) ? value : (BigInt(high) << 32n) | BigInt(low);
}

export function readFloat(cursor: WireCursor, place: string): number {
  if (cursor.end - cursor.pos < 4) throw cutShort(cursor, `${place} ends in the middle of a number`);
  const value = cursor.bytes.readFloatLE(cursor.pos);
  cursor.pos += 4;
  return value;
}

/** Reads the length of a string, packed list or message and returns the offset at which that ends. */
export function readEnd(cursor: WireCursor, place: string): number {
  const low = readVarint(cursor, place);
  const length = cursor.high * 2 ** 32 + low;
  const left = cursor.end - cursor.pos;
  if (length > left) throw cutShort(cursor, `${place} claims ${length} bytes where ${left} are left`);
  return cursor.pos + length;
}

export function readText(cursor: WireCursor, place: string): string {
  const end = readEnd(cursor, place);
  const start = cursor.pos;
  if (end - start > LIMITS.textBytes) {
    throw overLimit(cursor, `${place} is a string of more than ${LIMITS.textBytes} bytes`);
  }
  cursor.pos = end;
  return cursor.bytes.toString('utf8', start, end);
}

/** Steps over one value. Groups (wire types 3 and 4) are not part of any version of ONNX. */
export function skipValue(cursor: WireCursor, wire: number, place: string): void {
  switch (wire) {
    case WIRE.varint:
      readVarint(cursor, place);
      return;
    case WIRE.length:
      cursor.pos = readEnd(cursor, place);
      return;
    case WIRE.fixed64:
    case WIRE.fixed32: {
      const width = wire === WIRE.fixed64 ? 8 : 4;
      if (cursor.end - cursor.pos < width) throw cutShort(cursor, `${place} ends in the middle of a number`);
      cursor.pos += width;
      return;
    }
    default:
      throw malformed(cursor, `${place} has a field of wire type ${wire}`);
  }
}

export function expectWire(cursor: WireCursor, place: string, wire: number, expected: number): void {
  if (wire === expected) return;
  const found = WIRE_NAMES[wire] ?? `wire type ${wire}`;
  throw malformed(cursor, `${place} should be ${WIRE_NAMES[expected]} and is ${found}`);
}

export function cutShort(cursor: WireCursor, message: string): NeffcError {
  return badInput(
    'E3003',
    message,
    { file: cursor.file, offset: cursor.pos },
    'The file is cut short or damaged; fetch or export it again.',
  );
}

export function malformed(cursor: WireCursor, message: string): NeffcError {
  return badInput(
    'E3004',
    message,
    { file: cursor.file, offset: cursor.pos },
    'The file is damaged, or it is not the ONNX message it was taken for; fetch or export it again.',
  );
}

export function overLimit(cursor: WireCursor, message: string): NeffcError {
  return badInput(
    'E3006',
    message,
    { file: cursor.file, offset: cursor.pos },
    'Simplify the model before the export, or split it.',
  );
}
