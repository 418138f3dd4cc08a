// Words of an element type to numbers of a domain and back, in place over a packed row. The same conversions as
// exec/plain/element.ts: to nearest even; float to integer truncates and saturates; one canonical NaN.
import { BF16, BOOL, F16, F32, I16, I32, I8, U16, U32, U8 } from './pattern';

/** Domains: fp32, int32, uint32. */
export const FLOAT: i32 = 0;
export const SIGNED: i32 = 1;
export const UNSIGNED: i32 = 2;

// @ts-ignore: decorator
@inline
export function canonicalLanes(x: v128): v128 {
  return v128.bitselect(x, i32x4.splat(0x7fc00000), f32x4.eq(x, x));
}

// @ts-ignore: decorator
@inline
export function canonical(x: f32): f32 {
  return x == x ? x : reinterpret<f32>(0x7fc00000);
}

/** The conversions, each of four words at a time. */
const FROM_SIGNED: i32 = 0;
const FROM_UNSIGNED: i32 = 1;
const FROM_BF16: i32 = 2;
const FROM_F16: i32 = 3;
const TO_CANONICAL: i32 = 4;
const TO_BF16: i32 = 5;
const TO_F16: i32 = 6;
const TO_I32: i32 = 7;
const TO_U32: i32 = 8;
const TO_I16: i32 = 9;
const TO_U16: i32 = 10;
const TO_I8: i32 = 11;
const TO_U8: i32 = 12;
const FLOAT_TO_BOOL: i32 = 13;
const INTEGER_TO_BOOL: i32 = 14;

/** One conversion; a constant `conversion` leaves one branch. */
// @ts-ignore: decorator
@inline
function convertLanes(conversion: i32, w: v128): v128 {
  if (conversion == FROM_SIGNED) return f32x4.convert_i32x4_s(w);
  if (conversion == FROM_UNSIGNED) return f32x4.convert_i32x4_u(w);
  if (conversion == FROM_BF16) return i32x4.shl(w, 16);
  if (conversion == FROM_F16) return halfToFloat(w);
  if (conversion == TO_CANONICAL) return canonicalLanes(w);
  if (conversion == TO_BF16) return floatToBrain(w);
  if (conversion == TO_F16) return floatToHalf(w);
  if (conversion == TO_I32) return i32x4.trunc_sat_f32x4_s(w);
  if (conversion == TO_U32) return i32x4.trunc_sat_f32x4_u(w);
  if (conversion == TO_I16) return clampLanes(w, -32768, 32767);
  if (conversion == TO_U16) return clampLanes(w, 0, 65535);
  if (conversion == TO_I8) return clampLanes(w, -128, 127);
  if (conversion == TO_U8) return clampLanes(w, 0, 255);
  if (conversion == FLOAT_TO_BOOL) return v128.and(f32x4.ne(w, f32x4.splat(0)), i32x4.splat(1));
  return v128.and(i32x4.ne(w, i32x4.splat(0)), i32x4.splat(1));
}
// @ts-ignore: decorator
@inline
function clampLanes(w: v128, low: i32, high: i32): v128 {
  return i32x4.max_s(i32x4.min_s(i32x4.trunc_sat_f32x4_s(w), i32x4.splat(high)), i32x4.splat(low));
}

/** The half's bits taken as a float are too small by 2^112, subnormals too; infinity and NaN get the exponent back. */
// @ts-ignore: decorator
@inline
function halfToFloat(w: v128): v128 {
  const magnitude = i32x4.shl(v128.and(w, i32x4.splat(0x7fff)), 13);
  const finite = f32x4.mul(magnitude, i32x4.splat(0x77800000));
  const special = v128.or(magnitude, i32x4.splat(0x7f800000));
  const value = v128.bitselect(special, finite, i32x4.ge_s(magnitude, i32x4.splat(0x0f800000)));
  return v128.or(value, i32x4.shl(v128.and(w, i32x4.splat(0x8000)), 16));
}

/** bf16 is the upper half of fp32: add half a step, less one where the last kept bit is even, and cut. */
// @ts-ignore: decorator
@inline
function floatToBrain(w: v128): v128 {
  const odd = v128.and(i32x4.shr_u(w, 16), i32x4.splat(1));
  const rounded = i32x4.shr_u(i32x4.add(w, i32x4.add(odd, i32x4.splat(0x7fff))), 16);
  return v128.bitselect(rounded, i32x4.splat(0x7fc0), f32x4.eq(w, w));
}

/** Normal halves by integer rounding; subnormal ones by adding 1/2, whose ulp is their step; from 65520 on infinity. */
// @ts-ignore: decorator
@inline
function floatToHalf(w: v128): v128 {
  const a = v128.and(w, i32x4.splat(0x7fffffff));
  const odd = v128.and(i32x4.shr_u(a, 13), i32x4.splat(1));
  const normal = i32x4.shr_u(i32x4.add(i32x4.sub(a, i32x4.splat(0x38000000)), i32x4.add(odd, i32x4.splat(0xfff))), 13);
  const tiny = i32x4.sub(f32x4.add(a, f32x4.splat(0.5)), i32x4.splat(0x3f000000));
  let code = v128.bitselect(tiny, normal, i32x4.lt_s(a, i32x4.splat(0x38800000)));
  code = v128.bitselect(i32x4.splat(0x7c00), code, i32x4.ge_s(a, i32x4.splat(0x477ff000)));
  const signed = v128.or(code, v128.and(i32x4.shr_u(w, 16), i32x4.splat(0x8000)));
  return v128.bitselect(signed, i32x4.splat(0x7e00), f32x4.eq(w, w));
}

// @ts-ignore: decorator
@inline
function convertRow(conversion: i32, words: usize, count: i32): void {
  for (; count >= 4; count -= 4) {
    v128.store(words, convertLanes(conversion, v128.load(words)));
    words += 16;
  }
  for (; count > 0; --count) {
    v128.store32_lane(words, convertLanes(conversion, v128.load32_zero(words)), 0);
    words += 4;
  }
}

// @ts-ignore: decorator
@inline
function widenRun(conversion: i32, source: usize, count: i32, out: usize): void {
  for (; count >= 8; count -= 8) {
    const halves = v128.load(source);
    v128.store(out, convertLanes(conversion, i32x4.extend_low_i16x8_u(halves)));
    v128.store(out, convertLanes(conversion, i32x4.extend_high_i16x8_u(halves)), 16);
    source += 16;
    out += 32;
  }
  for (; count > 0; --count) {
    v128.store32_lane(out, convertLanes(conversion, i32x4.splat(load<u16>(source))), 0);
    source += 2;
    out += 4;
  }
}

// @ts-ignore: decorator
@inline
function narrowRun(conversion: i32, words: usize, count: i32, place: usize): void {
  for (; count >= 8; count -= 8) {
    const low = convertLanes(conversion, v128.load(words));
    const high = convertLanes(conversion, v128.load(words, 16));
    v128.store(place, v128.shuffle<i16>(low, high, 0, 2, 4, 6, 8, 10, 12, 14));
    words += 32;
    place += 16;
  }
  for (; count > 0; --count) {
    v128.store16_lane(place, convertLanes(conversion, v128.load32_zero(words)), 0);
    words += 4;
    place += 2;
  }
}

/** A run of bf16 or f16 to packed fp32, in one pass. */
export function halvesToFloats(type: i32, source: usize, count: i32, out: usize): void {
  if (type == BF16) widenRun(FROM_BF16, source, count, out);
  else widenRun(FROM_F16, source, count, out);
}

/** Packed fp32 to a run of bf16 or f16, in one pass. */
export function floatsToHalves(type: i32, words: usize, count: i32, place: usize): void {
  if (type == BF16) narrowRun(TO_BF16, words, count, place);
  else narrowRun(TO_F16, words, count, place);
}

/** A word of an element type as a number of `domain` in four lanes. */
export function splatOf(type: i32, domain: i32, word: u32): v128 {
  const w = i32x4.splat(word);
  if (domain != FLOAT || type == F32) return w;
  if (type == BF16) return convertLanes(FROM_BF16, w);
  if (type == F16) return convertLanes(FROM_F16, w);
  return type == U32 ? convertLanes(FROM_UNSIGNED, w) : convertLanes(FROM_SIGNED, w);
}

/** Words of an element type to numbers of `domain`; integers stay where the domain is one of integers. */
export function toDomain(type: i32, domain: i32, words: usize, count: i32): void {
  if (domain != FLOAT || type == F32) return;
  if (type == BF16) convertRow(FROM_BF16, words, count);
  else if (type == F16) convertRow(FROM_F16, words, count);
  else if (type == U32) convertRow(FROM_UNSIGNED, words, count);
  else convertRow(FROM_SIGNED, words, count);
}

/** Numbers of one domain to another: only integers to fp32 need work, no operation leads back. */
export function changeDomain(from: i32, to: i32, words: usize, count: i32): void {
  if (to != FLOAT || from == FLOAT) return;
  if (from == UNSIGNED) convertRow(FROM_UNSIGNED, words, count);
  else convertRow(FROM_SIGNED, words, count);
}

/** Numbers of `domain` to words of an element type. */
export function fromDomain(domain: i32, type: i32, words: usize, count: i32): void {
  if (domain != FLOAT) {
    if (type == BOOL) convertRow(INTEGER_TO_BOOL, words, count);
    if (type > F16) return;
    changeDomain(domain, FLOAT, words, count);
  }
  if (type == F32) convertRow(TO_CANONICAL, words, count);
  else if (type == BF16) convertRow(TO_BF16, words, count);
  else if (type == F16) convertRow(TO_F16, words, count);
  else if (type == I32) convertRow(TO_I32, words, count);
  else if (type == U32) convertRow(TO_U32, words, count);
  else if (type == I16) convertRow(TO_I16, words, count);
  else if (type == U16) convertRow(TO_U16, words, count);
  else if (type == I8) convertRow(TO_I8, words, count);
  else if (type == U8) convertRow(TO_U8, words, count);
  else convertRow(FLOAT_TO_BOOL, words, count);
}

// @ts-ignore: decorator
@inline
function inRange(type: i32, x: f64): bool {
  if (type == I32) return x >= -2147483648 && x <= 2147483647;
  if (type == U32) return x >= 0 && x <= 4294967295;
  if (type == I16) return x >= -32768 && x <= 32767;
  if (type == U16) return x >= 0 && x <= 65535;
  if (type == I8) return x >= -128 && x <= 127;
  if (type == U8) return x >= 0 && x <= 255;
  return true;
}

/** A number of a domain as f64, exactly. */
// @ts-ignore: decorator
@inline
export function numberAt(domain: i32, word: usize): f64 {
  if (domain == FLOAT) return <f64>load<f32>(word);
  return domain == SIGNED ? <f64>load<i32>(word) : <f64>load<u32>(word);
}

/** Position of the first number that an integer type does not hold exactly; -1 where all fit, or the type is no integer. */
export function firstLossy(domain: i32, type: i32, words: usize, count: i32): i32 {
  if (type <= F16 || type == BOOL) return -1;
  for (let i = 0; i < count; ++i) {
    const x = numberAt(domain, words + (<usize>i << 2));
    if (!inRange(type, x) || trunc(x) != x) return i;
  }
  return -1;
}
