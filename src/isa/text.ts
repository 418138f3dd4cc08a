// The text form of operands: one printer and one parser for each kind of field, each the other's inverse.
// access pattern   sbuf.bf16[0:128]+0x400{2x64:128,1}   memory, type, partitions first:end, base, counts : strides (elements)
// scalar           1.5   7i   @sbuf.f32+0x40            fp32, int32, column

import { ENUMS, type EnumKind } from './bytes.js';
import { unusedDims } from './codec.js';
import type { Ap, ChipDType, Scalar, Space } from './operands.js';
import { CHIP_DTYPES } from './operands.js';
import type { FieldKind, FieldTypes } from './table.js';

/** Thrown by parsers of operands with the sentence that assemble.ts gives a line and a code. */
export class TextError {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

export interface Format<T> {
  readonly print: (value: T) => string;
  readonly parse: (text: string) => T;
}

export const hex = (value: number): string => `${value < 0 ? '-' : '+'}0x${Math.abs(value).toString(16)}`;

/** Shortest decimal that rounds to the fp32 value. */
function printFloat(value: number): string {
  const float = Math.fround(value);
  if (Object.is(float, -0)) return '-0';
  if (Number.isNaN(float)) return 'nan';
  if (!Number.isFinite(float)) return float > 0 ? 'inf' : '-inf';
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(float.toPrecision(digits));
    if (Math.fround(short) === float) return String(short);
  }
  return String(Number(float.toPrecision(9)));
}

const NAMED_FLOATS: Readonly<Record<string, number>> = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity };

function parseFloat32(text: string): number {
  const named = NAMED_FLOATS[text];
  if (named !== undefined) return named;
  if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text)) throw new TextError(`${text} is no number`);
  return Math.fround(Number(text));
}

/** A decimal or hexadecimal integer. */
export function parseInteger(text: string): number {
  const match = /^([+-]?)(0x[0-9a-f]+|\d+)$/.exec(text);
  const value = match === null ? Number.NaN : Number(match[2]) * (match[1] === '-' ? -1 : 1);
  if (!Number.isSafeInteger(value)) throw new TextError(`${text} is no integer`);
  return value === 0 ? 0 : value;
}

function oneOf<T extends string>(names: readonly T[], text: string): T {
  const name = names.find((n) => n === text);
  if (name === undefined) throw new TextError(`${text} is none of ${names.join(', ')}`);
  return name;
}

type Four = [number, number, number, number];

export function parseFour(text: string, parse: (one: string) => number): Four {
  const [a, b, c, d, ...more] = text.split(',').map(parse);
  if (a === undefined || b === undefined || c === undefined || d === undefined || more.length > 0) {
    throw new TextError(`${text} is not four numbers`);
  }
  return [a, b, c, d];
}

/** `{counts:strides}` of the dims from `unused` on; nothing where there are none. */
export function printDims(
  counts: readonly number[],
  strides: readonly (number | string)[],
  unused: number,
): string {
  return unused === 4 ? '' : `{${counts.slice(unused).join('x')}:${strides.slice(unused).join(',')}}`;
}

/** Counts and strides (as text) of `{counts:strides}`, padded on the left. */
export function parseDims(text: string): { counts: Four; strides: [string, string, string, string] } {
  const [left = '', right = ''] = text.split(':');
  const counts = text === '' ? [] : left.split('x').map(parseInteger);
  const strides = text === '' ? [] : right.split(',');
  if (counts.length !== strides.length || counts.length > 4)
    throw new TextError(`{${text}} is not up to 4 counts and as many strides`);
  const pad = 4 - counts.length;
  return {
    counts: [...Array<number>(pad).fill(1), ...counts] as Four,
    strides: [...Array<string>(pad).fill('0'), ...strides] as [string, string, string, string],
  };
}

function printAp(ap: Ap): string {
  const dims = printDims(ap.counts, ap.strides, unusedDims(ap.counts, ap.strides));
  return `${ap.space}.${ap.dtype}[${ap.start}:${ap.start + ap.parts}]${hex(ap.base)}${dims}`;
}

const SPACES: readonly Space[] = ['sbuf', 'psum'];

function parseAp(text: string): Ap {
  const match = /^(\w+)\.(\w+)\[(\d+):(\d+)\]([+-]\w+)(?:\{(.+)\})?$/.exec(text);
  if (match === null) throw new TextError(`${text} is no access pattern like sbuf.f32[0:128]+0x0{64:1}`);
  const [, space = '', dtype = '', first = '', end = '', base = '', dims = ''] = match;
  const { counts, strides } = parseDims(dims);
  const start = Number(first);
  return {
    space: oneOf(SPACES, space),
    dtype: oneOf<ChipDType>(CHIP_DTYPES, dtype),
    start,
    parts: Number(end) - start,
    base: parseInteger(base),
    counts,
    strides: [
      parseInteger(strides[0]),
      parseInteger(strides[1]),
      parseInteger(strides[2]),
      parseInteger(strides[3]),
    ],
  };
}

function printScalar(scalar: Scalar): string {
  if (scalar.kind === 'f32') return printFloat(scalar.value);
  if (scalar.kind === 'i32') return `${scalar.value}i`;
  return `@${scalar.space}.${scalar.dtype}${hex(scalar.base)}`;
}

function parseScalar(text: string): Scalar {
  const column = /^@(\w+)\.(\w+)([+-]\w+)$/.exec(text);
  if (column !== null) {
    const [, space = '', dtype = '', base = ''] = column;
    return {
      kind: 'column',
      space: oneOf(SPACES, space),
      dtype: oneOf(CHIP_DTYPES, dtype),
      base: parseInteger(base),
    };
  }
  if (/^[+-]?\w+i$/.test(text)) return { kind: 'i32', value: parseInteger(text.slice(0, -1)) };
  return { kind: 'f32', value: parseFloat32(text) };
}

const integer: Format<number> = { print: String, parse: parseInteger };
const pattern: Format<Ap> = { print: printAp, parse: parseAp };

function named<K extends EnumKind>(kind: K): Format<FieldTypes[K]> {
  return { print: String, parse: (text) => oneOf<string>(ENUMS[kind], text) as FieldTypes[K] };
}

/** Text of each kind of field; a flag is its bare name. */
export const FORMATS: { readonly [K in Exclude<FieldKind, 'flag'>]: Format<FieldTypes[K]> } = {
  in: pattern,
  out: pattern,
  optionalOut: pattern,
  scalar: { print: printScalar, parse: parseScalar },
  alu: named('alu'),
  reduce: named('reduce'),
  act: named('act'),
  compare: named('compare'),
  f32: { print: printFloat, parse: parseFloat32 },
  i32: integer,
  u32: integer,
  u16: integer,
  u8: integer,
  i32x4: { print: (v) => v.join(','), parse: (text) => parseFour(text, parseInteger) },
};
