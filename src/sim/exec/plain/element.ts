// One element in memory as a number and back, for every element type but i64. The reference for all conversions of the chip:
// a computed float that is NaN is stored as the one canonical NaN of its type, so that results are the same on every machine.
import { decodeSmallFloat, encodeSmallFloat } from '../../../base/float-formats.js';
import type { ChipDType } from '../../../isa/operands.js';
import type { Views } from '../../machine.js';
import { trap } from '../../trap.js';
import { DOMAIN_RANGE, type Domain } from '../domain.js';

/** Element types whose values one number carries. */
export type NumberDType = Exclude<ChipDType, 'i64'>;
type IntegerDType = 'i32' | 'u32' | 'i16' | 'u16' | 'i8' | 'u8';

type Read = (v: Views, address: number) => number;
const small =
  (t: 'f8e4m3fn' | 'f8e4m3fnuz' | 'f8e5m2' | 'f8e5m2fnuz'): Read =>
  (v, a) =>
    decodeSmallFloat(t, v.u8[a]!);
const half =
  (t: 'f16' | 'bf16'): Read =>
  (v, a) =>
    decodeSmallFloat(t, v.u16[a >> 1]!);

export const READ: Readonly<Record<NumberDType, Read>> = {
  f32: (v, a) => v.f32[a >> 2]!,
  bf16: half('bf16'),
  f16: half('f16'),
  i32: (v, a) => v.i32[a >> 2]!,
  u32: (v, a) => v.u32[a >> 2]!,
  i16: (v, a) => v.i16[a >> 1]!,
  u16: (v, a) => v.u16[a >> 1]!,
  i8: (v, a) => v.i8[a]!,
  u8: (v, a) => v.u8[a]!,
  f8e4m3fn: small('f8e4m3fn'),
  f8e4m3fnuz: small('f8e4m3fnuz'),
  f8e5m2: small('f8e5m2'),
  f8e5m2fnuz: small('f8e5m2fnuz'),
  bool: (v, a) => v.u8[a]!,
};

const CANONICAL_NAN = 0x7fc00000;

/** Integer ranges by type, for saturation and the exact checks. */
const INTEGER_RANGES: Readonly<Record<IntegerDType, readonly [number, number]>> = {
  i32: DOMAIN_RANGE.i32,
  u32: DOMAIN_RANGE.u32,
  i16: [-32768, 32767],
  u16: [0, 65535],
  i8: [-128, 127],
  u8: [0, 255],
};

export const INTEGER_RANGE: Readonly<Partial<Record<ChipDType, readonly [number, number]>>> = INTEGER_RANGES;

/** Traps (E1404) where the integer type does not hold `value`. */
export function requireExact(value: number, dtype: ChipDType): void {
  const range = INTEGER_RANGE[dtype];
  if (range === undefined) return;
  if (!(value >= range[0] && value <= range[1] && Math.trunc(value) === value)) {
    throw trap('narrowing', `${value} does not fit ${dtype}`);
  }
}

/**
 * Stores `value` of a domain as `dtype`: to a float type, integers go through fp32 and each step rounds to nearest even;
 * float to integer truncates, saturates, and takes 0 for NaN; integer to integer wraps; to bool is != 0.
 */
export function write(v: Views, address: number, dtype: NumberDType, value: number, domain: Domain): void {
  if (dtype === 'f32') {
    if (Number.isNaN(value)) v.u32[address >> 2] = CANONICAL_NAN;
    else v.f32[address >> 2] = value;
  } else if (dtype === 'bool') {
    v.u8[address] = value === 0 ? 0 : 1;
  } else if (isInteger(dtype)) {
    writeInteger(v, address, dtype, domain === 'f32' ? saturate(value, dtype) : value);
  } else {
    const code = encodeSmallFloat(dtype, Math.fround(value));
    if (dtype === 'bf16' || dtype === 'f16') v.u16[address >> 1] = code;
    else v.u8[address] = code;
  }
}

function isInteger(t: NumberDType): t is IntegerDType {
  return t in INTEGER_RANGE;
}

/** A float as the integer type takes it. */
export function saturate(value: number, dtype: ChipDType): number {
  const range = INTEGER_RANGE[dtype] ?? DOMAIN_RANGE.i32;
  if (Number.isNaN(value)) return 0;
  return Math.min(Math.max(Math.trunc(value), range[0]), range[1]);
}

function writeInteger(v: Views, address: number, dtype: IntegerDType, value: number): void {
  if (dtype === 'i32' || dtype === 'u32') v.u32[address >> 2] = value;
  else if (dtype === 'i16' || dtype === 'u16') v.u16[address >> 1] = value;
  else v.u8[address] = value;
}
