// A row: the elements of an access pattern in one partition, flattened in index order, as numbers of one domain.
// An instruction reads all its rows of a partition before it writes that partition, so operands may overlap the result.
import type { Ap, Scalar } from '../../../isa/operands.js';
import { CHIP_DTYPE_BYTES } from '../../../isa/operands.js';
import type { Machine } from '../../machine.js';
import { type Domain, domainOf } from '../domain.js';
import { type NumberDType, READ, requireExact, saturate, write } from './element.js';

/** Byte offset of every element from the start of a partition, in flattened order. */
export function offsetsOf(ap: Ap): Int32Array {
  const [c0, c1, c2, c3] = ap.counts;
  const width = CHIP_DTYPE_BYTES[ap.dtype];
  const [s0, s1, s2, s3] = ap.strides.map((s) => s * width) as [number, number, number, number];
  const out = new Int32Array(c0 * c1 * c2 * c3);
  let at = 0;
  for (let i = 0; i < c0; i++)
    for (let j = 0; j < c1; j++)
      for (let k = 0; k < c2; k++)
        for (let l = 0; l < c3; l++) out[at++] = ap.base + i * s0 + j * s1 + k * s2 + l * s3;
  return out;
}

/** Address of byte 0 of partition `p` of the pattern. */
export function partitionAddress(m: Machine, ap: Pick<Ap, 'space' | 'start'>, p: number): number {
  const layout = m.spaces[ap.space];
  return layout.base + (ap.start + p) * layout.partitionBytes;
}

const UNSIGNED = { 1: 'u8', 2: 'u16', 4: 'u32' } as const;

/** The pattern with its elements as unsigned integers of the same width: to move bits untouched. */
export function bitsOf(ap: Ap): Ap {
  return { ...ap, dtype: UNSIGNED[CHIP_DTYPE_BYTES[ap.dtype] as 1 | 2 | 4] };
}

/** The low (0) or high (1) words of a pattern of 64-bit elements. */
export function wordsOf(ap: Ap, word: 0 | 1): Ap {
  const [a, b, c, d] = ap.strides;
  return { ...ap, dtype: 'u32', base: ap.base + 4 * word, strides: [2 * a, 2 * b, 2 * c, 2 * d] };
}

/** Reads rows of a pattern. */
export interface Source {
  readonly domain: Domain;
  readonly length: number;
  /** The elements in partition `p` (counted from the pattern's first), a new array. */
  row(p: number): Float64Array;
}

export function sourceOf(m: Machine, ap: Ap): Source {
  const offsets = offsetsOf(ap);
  const domain = domainOf(ap.dtype);
  const read = READ[ap.dtype as NumberDType];
  return {
    domain,
    length: offsets.length,
    row(p) {
      const at = partitionAddress(m, ap, p);
      return Float64Array.from(offsets, (o) => read(m.views, at + o));
    },
  };
}

/** Reads a scalar operand in partition `p` of the main input, whose first partition is `start`. */
export function scalarOf(m: Machine, s: Scalar, start: number): (p: number) => number {
  if (s.kind === 'f32') return () => Math.fround(s.value);
  if (s.kind === 'i32') return () => s.value | 0;
  const read = READ[s.dtype as NumberDType];
  return (p) => read(m.views, partitionAddress(m, { space: s.space, start }, p) + s.base);
}

/** Writes rows of a pattern. */
export interface Sink {
  /** Stores the row in partition `p`, converting from `domain`; with `exact`, a conversion to an integer that loses bits traps. */
  store(p: number, values: Float64Array, domain: Domain, exact?: boolean): void;
  /** Stores element `n` of partition `p`. */
  put(p: number, n: number, value: number, domain: Domain): void;
}

export function sinkOf(m: Machine, ap: Ap): Sink {
  const offsets = offsetsOf(ap);
  const dtype = ap.dtype as NumberDType;
  return {
    store(p, values, domain, exact = false) {
      if (exact) for (const value of values) requireExact(value, dtype);
      const at = partitionAddress(m, ap, p);
      for (let i = 0; i < offsets.length; i++) write(m.views, at + offsets[i]!, dtype, values[i]!, domain);
    },
    put(p, n, value, domain) {
      write(m.views, partitionAddress(m, ap, p) + offsets[n]!, dtype, value, domain);
    },
  };
}

/** Values of one domain in another, in place: integers to fp32 round, fp32 to integers saturates, between integers wraps. */
export function toDomain(values: Float64Array, from: Domain, to: Domain): Float64Array {
  if (from === to) return values;
  for (let i = 0; i < values.length; i++) values[i] = numberToDomain(values[i]!, from, to);
  return values;
}

export function numberToDomain(value: number, from: Domain, to: Domain): number {
  if (to === 'f32') return Math.fround(value);
  if (from === 'f32') return saturate(value, to);
  return to === 'u32' ? value >>> 0 : value | 0;
}
