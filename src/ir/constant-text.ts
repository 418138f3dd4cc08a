// Constants in text: small ones as their values, splats as their element, all others by the hash of their bytes. What is
// printed as values reads back to the same bytes.
import { createHash } from 'node:crypto';
import { type DType, dtypeKind } from '../base/dtype.js';
import { elementReader, elementWriter, zeros } from '../base/tensor.js';
import { type Constant, sourceName, splatConstant } from './constant.js';
import { elementCount } from './type.js';

/** Constants of at most this many elements are printed as values. */
const INLINE_ELEMENTS = 8;

/** 16 hexadecimal digits of the SHA-256 of the bytes. */
export function contentHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

/** `3`, `-0.5`, `1e-7`, `-0`, `inf`, `nan`: reads back to the same double. */
export function numberText(x: number | bigint): string {
  if (typeof x === 'bigint') return String(x);
  if (Number.isNaN(x)) return 'nan';
  if (Math.abs(x) === Infinity) return x > 0 ? 'inf' : '-inf';
  return Object.is(x, -0) ? '-0' : String(x);
}

const WORDS: Readonly<Record<string, number>> = {
  nan: NaN,
  inf: Infinity,
  '-inf': -Infinity,
  true: 1,
  false: 0,
};

/** A number as numberText prints it: a bigint for 64-bit integers; undefined for other text. */
export function readNumber(text: string, dtype: DType): number | bigint | undefined {
  const word = WORDS[text];
  if (word !== undefined) return word;
  if (dtype === 'i64' || dtype === 'u64') return /^-?\d+$/.test(text) ? BigInt(text) : undefined;
  return text === '' || Number.isNaN(Number(text)) ? undefined : Number(text);
}

function valuesText(dtype: DType, bytes: Uint8Array, count: number): string[] {
  const read = elementReader({ dtype, data: bytes });
  return Array.from({ length: count }, (_, i) =>
    dtype === 'bool' ? String(read(i) === 1) : numberText(read(i)),
  );
}

/** The bytes of values in text; undefined where one is none of the type. */
export function bytesOfValues(dtype: DType, texts: readonly string[]): Uint8Array | undefined {
  const out = zeros(dtype, [texts.length]);
  const write = elementWriter(out);
  for (const [i, text] of texts.entries()) {
    const value = readNumber(text, dtype);
    if (value === undefined) return undefined;
    write(i, value);
  }
  return out.data;
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i]);

/** Values and braces, where that reads back to the same bytes (a NaN may carry other bits). */
function inlineText(c: Constant, bytes: Uint8Array, count: number): string | undefined {
  if (dtypeKind(c.dtype) === 'complex') return undefined;
  const texts = valuesText(c.dtype, bytes, count);
  const read = bytesOfValues(c.dtype, texts);
  return read !== undefined && sameBytes(read, bytes) ? texts.join(', ') : undefined;
}

/** Hashes known: the bytes of a folded constant are costly to make again. */
const hashes = new WeakMap<Constant, string>();

function hashOf(c: Constant, bytes: Uint8Array): string {
  const hash = contentHash(bytes);
  hashes.set(c, hash);
  return hash;
}

/** What follows the type: `{1, 2}`, `splat 0.5`, `#1f…`. `bytesOf` evaluates a constant. */
export function constantText(c: Constant, bytesOf: (c: Constant) => Uint8Array): string {
  if (c.strings !== undefined) return `{${c.strings.map((s) => JSON.stringify(s)).join(', ')}}`;
  if (c.recipe.kind === 'opaque') return `#${c.recipe.hash}`;
  if (c.recipe.kind === 'splat') {
    const element = inlineText(c, c.recipe.bytes, 1);
    if (element !== undefined) return `splat ${element}`;
  }
  const known = hashes.get(c);
  if (known !== undefined) return `#${known}`;
  const count = elementCount(c.shape);
  const bytes = bytesOf(c);
  const values = count <= INLINE_ELEMENTS ? inlineText(c, bytes, count) : undefined;
  return values === undefined ? `#${hashOf(c, bytes)}` : `{${values}}`;
}

/** The constant of `splat VALUE`; undefined where the value is none of the type. */
export function splatOfText(dtype: DType, shape: readonly number[], text: string): Constant | undefined {
  const element = bytesOfValues(dtype, [text]);
  return element && splatConstant(dtype, shape, element);
}

/** Whether the constant stands as an operand, not on a line of its own: anonymous and short. */
export function isInline(c: Constant, name: string): boolean {
  const short =
    c.recipe.kind === 'splat' || (c.recipe.kind !== 'opaque' && elementCount(c.shape) <= INLINE_ELEMENTS);
  return name === '' && sourceName(c) === undefined && short;
}
