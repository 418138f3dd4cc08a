// Byte streams of the codec: little-endian writer with range checks that name the field, reader whose every failure has an offset.
// Knows nothing of instructions.
import type { Place } from '../base/diagnostic.js';
import { bug } from '../base/diagnostic.js';
import { ACT_FUNCTIONS, ALU_OPS, COMPARISONS, REDUCE_OPS } from './functions.js';

/** The only NaN that is encoded. */
const CANONICAL_NAN = 0x7fc00000;

/** Names behind the number of each enum kind. */
export const ENUMS = {
  alu: ALU_OPS,
  reduce: REDUCE_OPS,
  act: ACT_FUNCTIONS,
  compare: COMPARISONS,
} as const satisfies Readonly<Record<string, readonly string[]>>;
export type EnumKind = keyof typeof ENUMS;

/** Bytes and range of the integer kinds. */
export const INTEGERS = {
  u8: { bytes: 1, min: 0, max: 0xff },
  u16: { bytes: 2, min: 0, max: 0xffff },
  i16: { bytes: 2, min: -0x8000, max: 0x7fff },
  u32: { bytes: 4, min: 0, max: 0xffffffff },
  i32: { bytes: 4, min: -0x80000000, max: 0x7fffffff },
} as const;
export type IntegerKind = keyof typeof INTEGERS;

/** Number of a name in an enum; E1200 where it is none of them. */
export function indexIn(names: readonly string[], name: unknown, field: string): number {
  const index = names.indexOf(name as string);
  if (index < 0) throw bug('E1200', `${field} = ${String(name)} is none of ${names.join(', ')}`);
  return index;
}

/** Growing output. */
export class Writer {
  bytes = new Uint8Array(4096);
  view = new DataView(this.bytes.buffer);
  at = 0;

  reserve(count: number): void {
    if (this.at + count <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.at + count));
    larger.set(this.bytes);
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }

  integer(kind: IntegerKind, value: number, field: string): void {
    const { bytes, min, max } = INTEGERS[kind];
    if (!Number.isInteger(value) || value < min || value > max) {
      throw bug('E1200', `${field} = ${value} is outside ${min}..${max}`);
    }
    this.reserve(bytes);
    if (bytes === 1) this.view.setUint8(this.at, value);
    else if (bytes === 2) this.view.setUint16(this.at, value, true);
    else this.view.setUint32(this.at, value, true);
    this.at += bytes;
  }

  float(value: number): void {
    this.reserve(4);
    if (Number.isNaN(value)) this.view.setUint32(this.at, CANONICAL_NAN, true);
    else this.view.setFloat32(this.at, value, true);
    this.at += 4;
  }
}

/** Input with an end that the caller may move inwards for one instruction. */
export class Reader {
  readonly view: DataView;
  at: number;
  end: number;

  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
    this.end = bytes.byteLength;
  }

  fail(code: string, message: string, at = this.at): never {
    const place: Place = { offset: at };
    throw bug(code, `invalid encoding at byte ${at}: ${message}`, place);
  }

  integer(kind: IntegerKind): number {
    const { bytes } = INTEGERS[kind];
    if (this.at + bytes > this.end) this.fail('E1202', 'the instruction’s size ends inside a field');
    const at = this.at;
    this.at += bytes;
    switch (kind) {
      case 'u8':
        return this.view.getUint8(at);
      case 'u16':
        return this.view.getUint16(at, true);
      case 'i16':
        return this.view.getInt16(at, true);
      case 'u32':
        return this.view.getUint32(at, true);
      case 'i32':
        return this.view.getInt32(at, true);
    }
  }

  float(): number {
    const at = this.at;
    const bits = this.integer('u32');
    const value = this.view.getFloat32(at, true);
    if (Number.isNaN(value) && bits !== CANONICAL_NAN) this.fail('E1205', 'a NaN other than 7fc00000', at);
    return value;
  }

  zero(kind: 'u8' | 'u16'): void {
    const at = this.at;
    if (this.integer(kind) !== 0) this.fail('E1203', 'reserved bits are set', at);
  }

  name<T extends string>(names: readonly T[], index: number, what: string): T {
    const name = names[index];
    if (name === undefined) this.fail('E1204', `${what} ${index} of ${names.length}`, this.at - 1);
    return name;
  }
}
