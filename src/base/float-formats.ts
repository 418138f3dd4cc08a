// Floating-point formats of 16 bits and fewer: codes (bits as integers) to values and back. One table describes each
// format; decoding and encoding follow from it. Values of these formats are exact in fp32. Rounding is to nearest, ties
// to even, in one step from the double given, so f64 -> f16 is not rounded twice. NaN has one code per format.
// Arrays of f16 and bf16 have direct paths. Knows nothing of tensors.

import type { DType } from './dtype.js';
import { exponentOf, powerOfTwo } from './float-words.js';

/**
 * What the codes beside the plain numbers mean. `ieee`: the largest exponent is infinity and NaN; `fn`: only all ones is
 * NaN; `fnuz`: the code of -0 is NaN, there is no -0; `finite`: neither infinity nor NaN.
 */
type Special = 'ieee' | 'fn' | 'fnuz' | 'finite';

interface Format {
  readonly exponentBits: number;
  readonly mantissaBits: number;
  readonly bias: number;
  readonly special: Special;
  /** Code of NaN; for f4e2m1, which has none, what ONNX Cast gives: -0. */
  readonly nan: number;
  /** ONNX Cast's `saturate` concerns the 8-bit formats; f16 and bf16 never saturate, f4e2m1 always does. */
  readonly saturates: 'never' | 'asked' | 'always';
}

/** Sources: IEEE 754 (f16), OCP OFP8 and OCP MX (f8e4m3fn, f8e5m2, f4e2m1), ONNX technical notes on float8 (fnuz). */
const FORMATS = {
  f16: { exponentBits: 5, mantissaBits: 10, bias: 15, special: 'ieee', nan: 0x7e00, saturates: 'never' },
  bf16: { exponentBits: 8, mantissaBits: 7, bias: 127, special: 'ieee', nan: 0x7fc0, saturates: 'never' },
  f8e4m3fn: { exponentBits: 4, mantissaBits: 3, bias: 7, special: 'fn', nan: 0x7f, saturates: 'asked' },
  f8e4m3fnuz: { exponentBits: 4, mantissaBits: 3, bias: 8, special: 'fnuz', nan: 0x80, saturates: 'asked' },
  f8e5m2: { exponentBits: 5, mantissaBits: 2, bias: 15, special: 'ieee', nan: 0x7e, saturates: 'asked' },
  f8e5m2fnuz: { exponentBits: 5, mantissaBits: 2, bias: 16, special: 'fnuz', nan: 0x80, saturates: 'asked' },
  f4e2m1: { exponentBits: 2, mantissaBits: 1, bias: 1, special: 'finite', nan: 0x8, saturates: 'always' },
} as const satisfies Partial<Record<DType, Format>>;

export type SmallFloat = keyof typeof FORMATS | 'f8e8m0';

/** How a number between two powers of two becomes f8e8m0 (ONNX Cast's `round_mode`); a tie of `nearest` goes up. */
export type ExponentRounding = 'up' | 'down' | 'nearest';

export function isSmallFloat(t: DType): t is SmallFloat {
  return t === 'f8e8m0' || Object.hasOwn(FORMATS, t);
}

/** Largest code without its sign bit that stands for a finite number. */
function largestFinite({ exponentBits, mantissaBits, special }: Format): number {
  const all = (1 << (exponentBits + mantissaBits)) - 1;
  if (special === 'ieee') return all - (1 << mantissaBits);
  return special === 'fn' ? all - 1 : all;
}

function decode(f: Format, code: number): number {
  const signBit = 1 << (f.exponentBits + f.mantissaBits);
  const magnitude = code & (signBit - 1);
  const negative = magnitude !== code;
  if (f.special === 'fnuz' && code === f.nan) return NaN;
  const beyond = magnitude - largestFinite(f);
  if (beyond > 0) return f.special === 'ieee' && beyond === 1 ? (negative ? -Infinity : Infinity) : NaN;
  const field = magnitude >> f.mantissaBits;
  const fraction = magnitude & ((1 << f.mantissaBits) - 1);
  const significand = field === 0 ? fraction : fraction + (1 << f.mantissaBits);
  const value = significand * powerOfTwo(Math.max(field, 1) - f.bias - f.mantissaBits);
  return negative ? -value : value;
}

const tables = new Map<SmallFloat, Float32Array>();

/** Value of every code of a format: 16, 256 or 65,536 entries. Made once; not to be written to. */
export function smallFloatValues(t: SmallFloat): Float32Array {
  let table = tables.get(t);
  if (!table) {
    if (t === 'f8e8m0') {
      table = Float32Array.from({ length: 256 }, (_, c) => (c === 255 ? NaN : powerOfTwo(c - 127)));
    } else {
      const f: Format = FORMATS[t];
      table = Float32Array.from({ length: 2 << (f.exponentBits + f.mantissaBits) }, (_, c) => decode(f, c));
    }
    tables.set(t, table);
  }
  return table;
}

/** Value of a code; exact in fp32. */
export function decodeSmallFloat(t: SmallFloat, code: number): number {
  return smallFloatValues(t)[code]!;
}

/** q >= 0 rounded to an integer, ties to even. */
function roundEven(q: number): number {
  const floor = Math.floor(q);
  const rest = q - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/**
 * Code c of f8e8m0, whose value is 2^(c - 127). The format has no sign (it is dropped), no zero (code 0, the least value)
 * and no infinity (NaN, code 255). Above 2^127: the largest, or NaN without `saturate`.
 */
export function encodeExponent(x: number, saturate: boolean, rounding: ExponentRounding): number {
  const a = Math.abs(x);
  if (!(a < Infinity)) return 255;
  if (a < powerOfTwo(-127)) return 0;
  const exponent = exponentOf(a);
  const ratio = a / powerOfTwo(exponent);
  const up = rounding === 'up' ? ratio > 1 : rounding === 'nearest' && ratio >= 1.5;
  const code = exponent + 127 + (up ? 1 : 0);
  return code > 254 ? (saturate ? 254 : 255) : code;
}

/**
 * Code of the value nearest to `x`. Beyond the largest finite value: infinity where the format has one, else NaN; with
 * `saturate` (8-bit formats only) the largest finite value, for infinities too. f8e8m0 rounds up, as ONNX Cast by default.
 */
export function encodeSmallFloat(t: SmallFloat, x: number, saturate = false): number {
  if (t === 'f8e8m0') return encodeExponent(x, saturate, 'up');
  const f: Format = FORMATS[t];
  if (Number.isNaN(x)) return f.nan;
  const a = Math.abs(x);
  const largest = largestFinite(f);
  let code = largest + 1;
  if (a < Infinity) {
    const lowest = 1 - f.bias;
    const exponent = a < powerOfTwo(lowest) ? lowest : exponentOf(a);
    const steps = roundEven(a / powerOfTwo(exponent - f.mantissaBits));
    code = Math.min((exponent - lowest) * (1 << f.mantissaBits) + steps, largest + 1);
  }
  const signBit = 1 << (f.exponentBits + f.mantissaBits);
  const negative = x < 0 || Object.is(x, -0);
  if (code > largest) {
    if (f.saturates === 'always' || (saturate && f.saturates === 'asked')) code = largest;
    else if (f.special === 'fnuz') return f.nan;
  }
  if (f.special === 'fnuz' && code === 0) return 0;
  return negative ? code | signBit : code;
}

/** x rounded to the format, as a number. */
export function roundToSmallFloat(t: SmallFloat, x: number): number {
  return smallFloatValues(t)[encodeSmallFloat(t, x)]!;
}

/** Writes the codes of `source` to `target`, from its start; as encodeSmallFloat, but faster for f16 and bf16 from fp32. */
export function encodeSmallFloats(
  t: SmallFloat,
  source: Float32Array | Float64Array,
  target: Uint8Array | Uint16Array,
  saturate = false,
): void {
  if (source instanceof Float32Array && (t === 'f16' || t === 'bf16')) {
    const words = new Uint32Array(source.buffer, source.byteOffset, source.length);
    if (t === 'bf16') encodeBf16(words, target);
    else encodeF16(words, target);
    return;
  }
  for (let i = 0; i < source.length; i++) target[i] = encodeSmallFloat(t, source[i]!, saturate);
}

/** Writes the values of the codes `source` to `target`, from its start. */
export function decodeSmallFloats(
  t: SmallFloat,
  source: Uint8Array | Uint16Array,
  target: Float32Array | Float64Array,
): void {
  const values = smallFloatValues(t);
  for (let i = 0; i < source.length; i++) target[i] = values[source[i]!]!;
}

/** bf16 is the upper half of fp32: add half a step, less one where the last kept bit is even, and cut. */
function encodeBf16(words: Uint32Array, target: Uint8Array | Uint16Array): void {
  for (let i = 0; i < words.length; i++) {
    const w = words[i]!;
    target[i] = (w & 0x7fffffff) > 0x7f800000 ? FORMATS.bf16.nan : (w + 0x7fff + ((w >>> 16) & 1)) >>> 16;
  }
}

function encodeF16(words: Uint32Array, target: Uint8Array | Uint16Array): void {
  for (let i = 0; i < words.length; i++) {
    const w = words[i]!;
    const a = w & 0x7fffffff;
    if (a > 0x7f800000) target[i] = FORMATS.f16.nan;
    else target[i] = ((w >>> 16) & 0x8000) | f16Magnitude(a);
  }
}

/** f16 code of the fp32 word of a number >= 0. */
function f16Magnitude(a: number): number {
  // From 65520, half a step above the largest, everything is infinite.
  if (a >= 0x477ff000) return 0x7c00;
  // Normal results, from 2^-14: the exponent's bias differs by 112, the mantissa by 13 bits.
  if (a >= 0x38800000) return (a - 0x38000000 + 0xfff + ((a >>> 13) & 1)) >>> 13;
  // At most half of the smallest subnormal 2^-24, a tie: zero.
  if (a <= 0x33000000) return 0;
  const shift = 126 - (a >>> 23);
  const significand = (a & 0x7fffff) | 0x800000;
  const kept = significand >>> shift;
  return (significand + (1 << (shift - 1)) - 1 + (kept & 1)) >>> shift;
}
