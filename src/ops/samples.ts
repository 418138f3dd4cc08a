// Random tensors for the samples of declarations: small, with values for which results neither overflow nor vanish.
import { type DType, isFloat } from '../base/dtype.js';
import type { Random } from '../base/random.js';
import { elementCount, fromNumbers, type HostTensor } from '../base/tensor.js';

export const FLOATS = ['f32', 'f16', 'bf16', 'f64'] as const satisfies readonly DType[];
export const INTEGERS = [
  'i64',
  'i32',
  'i16',
  'i8',
  'u64',
  'u32',
  'u16',
  'u8',
] as const satisfies readonly DType[];

/** Uniform between low and high; integers, from 0 on where the type has no sign; for bool 0 or 1. */
export function randomTensor(
  random: Random,
  dtype: DType,
  shape: readonly number[],
  low = -4,
  high = 4,
): HostTensor {
  if (dtype === 'bool') return randomIndices(random, dtype, shape, 2);
  const least = Math.ceil(dtype.startsWith('u') ? Math.max(0, low) : low);
  return fill(
    dtype,
    shape,
    isFloat(dtype) ? () => random.between(low, high) : () => random.integer(least, high),
  );
}

/** Integers 0 <= value < limit. */
export function randomIndices(
  random: Random,
  dtype: DType,
  shape: readonly number[],
  limit: number,
): HostTensor {
  return fill(dtype, shape, () => random.integer(0, limit - 1));
}

/** Up to four axes, at least `least`, of 1 to 5 elements. */
export function randomShape(random: Random, least = 0): number[] {
  return randomDims(random, random.integer(least, 4), 1, 5);
}

/** So many integers from low to high. */
export function randomDims(random: Random, rank: number, low: number, high: number): number[] {
  return Array.from({ length: rank }, () => random.integer(low, high));
}

/** A shape that broadcasts to `shape`: some dims 1, some leading axes absent. */
export function narrowerShape(random: Random, shape: readonly number[]): number[] {
  const dims = shape.map((dim) => (random.chance(0.3) ? 1 : dim));
  return dims.slice(random.chance(0.3) ? random.integer(0, shape.length) : 0);
}

/** Different integers 0 <= value < limit, in random order. */
export function randomDistinct(random: Random, count: number, limit: number): number[] {
  const all = Array.from({ length: limit }, (_, i) => i);
  return Array.from({ length: count }, () => all.splice(random.integer(0, all.length - 1), 1)[0] ?? 0);
}

function fill(dtype: DType, shape: readonly number[], value: () => number): HostTensor {
  return fromNumbers(dtype, shape, Array.from({ length: elementCount(shape) }, value));
}
