// The state of one unpickling run: input cursor, stack, marks, memo, counters, and the ways to fail.
// Every read is checked against the end of the input and every count against the limits before it is used.

import { badInput, type NeffcError, type Place } from '../../../base/diagnostic.js';
import type { TorchStorage, Value } from './value.js';

/** Bounds of one pickle; each has a diagnostic. */
export const PICKLE_LIMITS = {
  /** Opcodes run; each pushes at most one value. */
  operations: 4_000_000,
  /** Nesting of containers and objects. Real modules nest below 60. */
  depth: 500,
  /** Nodes if every shared reference were written out: bounds any walk over the value. */
  expanded: 20_000_000,
  /** Bytes of one string. Debug tables hold whole source files. */
  string: 16 * 2 ** 20,
  /** Digits of a long integer, in bytes; TorchScript integers have 64 bits. */
  long: 9,
  rank: 64,
  /** Elements of a tensor that overlaps itself (zero strides): its storage does not bound it. */
  overlapping: 2 ** 28,
} as const;

/** A class that the pickle has named and not yet called. */
export interface ClassRef {
  readonly kind: 'class';
  /** `module.name`. */
  readonly name: string;
}
export interface StorageRef {
  readonly kind: 'storage';
  readonly storage: TorchStorage;
}
/** What the stack holds: values, and parts that must be used up before the end. */
export type StackValue = Value<ClassRef | StorageRef>;

/** Resolves `(scalar, key, device, count)` of a persistent id to a storage; throws coded errors itself. */
export type StorageLookup = (scalar: string, key: string, device: string, count: number) => TorchStorage;

export interface PickleSource {
  /** Archive file, for diagnostics. */
  readonly file: string;
  /** Member name, for diagnostics. */
  readonly member: string;
  readonly storage: StorageLookup;
}

export interface Machine {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly source: PickleSource;
  readonly stack: StackValue[];
  readonly marks: number[];
  readonly memo: Map<number, StackValue>;
  pos: number;
  /** Where the running opcode stands. */
  opAt: number;
}

export function newMachine(bytes: Uint8Array, source: PickleSource): Machine {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { bytes, view, source, stack: [], marks: [], memo: new Map(), pos: 0, opAt: 0 };
}

export function placeOf(m: Machine): Place {
  return { file: m.source.file, node: m.source.member, offset: m.opAt };
}

export function malformed(m: Machine, what: string): NeffcError {
  return badInput('E3321', `the pickle ${m.source.member} is malformed: ${what}`, placeOf(m));
}

export function overLimit(m: Machine, what: string, limit: number): NeffcError {
  return badInput(
    'E3323',
    `the pickle ${m.source.member} exceeds a limit: ${what} (limit ${limit})`,
    placeOf(m),
  );
}

/** Moves the cursor over `size` bytes and returns where they start. */
export function take(m: Machine, size: number): number {
  const at = m.pos;
  if (size > m.bytes.length - at) {
    throw badInput('E3320', `the pickle ${m.source.member} ends in the middle of an operation`, placeOf(m));
  }
  m.pos = at + size;
  return at;
}

/** A length field of 1, 4 or 8 bytes, checked against the limit for strings. */
export function takeLength(m: Machine, width: 1 | 4 | 8): number {
  const at = take(m, width);
  const length =
    width === 1
      ? m.view.getUint8(at)
      : width === 4
        ? m.view.getUint32(at, true)
        : Number(m.view.getBigUint64(at, true));
  if (length > PICKLE_LIMITS.string) throw overLimit(m, `a string of ${length} bytes`, PICKLE_LIMITS.string);
  return length;
}

export function takeText(m: Machine, length: number): string {
  const at = take(m, length);
  return decodeText(m, m.bytes.subarray(at, at + length));
}

/** The text up to the next newline, which is skipped. */
export function takeLine(m: Machine): string {
  const end = m.bytes.indexOf(10, m.pos);
  const at = m.pos;
  if (end < 0 || end - at > 4096) throw malformed(m, 'a name has no end');
  m.pos = end + 1;
  return decodeText(m, m.bytes.subarray(at, end));
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeText(m: Machine, raw: Uint8Array): string {
  try {
    return UTF8.decode(raw);
  } catch {
    throw malformed(m, 'a string is not UTF-8');
  }
}

export function pop(m: Machine): StackValue {
  const floor = m.marks.at(-1) ?? 0;
  if (m.stack.length <= floor) throw malformed(m, 'the stack is empty');
  return m.stack.pop()!;
}

export function top(m: Machine): StackValue {
  const value = m.stack.at(-1);
  if (value === undefined || m.stack.length <= (m.marks.at(-1) ?? 0))
    throw malformed(m, 'the stack is empty');
  return value;
}

/** Everything above the last mark; the mark goes too. */
export function popToMark(m: Machine): StackValue[] {
  const start = m.marks.pop();
  if (start === undefined) throw malformed(m, 'there is no mark');
  return m.stack.splice(start);
}
