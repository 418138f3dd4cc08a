// The operands of instructions, as decoded data: access patterns, scalars, DMA descriptors, waits and register bindings.
// Everything here is plain data; codec.ts knows the bytes, the simulator knows the effects.
import type { EngineName } from '../chip/target.js';

/** Element types the engines read and write. i64 appears only in checked COPY between i64 and i32. */
export const CHIP_DTYPES = [
  'f32',
  'bf16',
  'f16',
  'i32',
  'u32',
  'i16',
  'u16',
  'i8',
  'u8',
  'i64',
  'f8e4m3fn',
  'f8e4m3fnuz',
  'f8e5m2',
  'f8e5m2fnuz',
  'bool',
] as const;
export type ChipDType = (typeof CHIP_DTYPES)[number];
export const CHIP_DTYPE_BYTES: Record<ChipDType, number> = {
  f32: 4,
  bf16: 2,
  f16: 2,
  i32: 4,
  u32: 4,
  i16: 2,
  u16: 2,
  i8: 1,
  u8: 1,
  i64: 8,
  f8e4m3fn: 1,
  f8e4m3fnuz: 1,
  f8e5m2: 1,
  f8e5m2fnuz: 1,
  bool: 1,
};

export type Space = 'sbuf' | 'psum';
export type DmaSpace = Space | 'dram';

/**
 * An access pattern of an engine: the same pattern in each of `parts` partitions from `start`.
 * `base` is a byte offset inside the partition, aligned to the element; dims run from outermost [0] to innermost [3];
 * strides are in elements (int16), counts are uint16; unused dims have count 1, stride 0. Strides of 0 and below are allowed.
 */
export interface Ap {
  readonly space: Space;
  readonly dtype: ChipDType;
  readonly start: number;
  readonly parts: number;
  readonly base: number;
  readonly counts: readonly [number, number, number, number];
  readonly strides: readonly [number, number, number, number];
}

/** A scalar operand: an immediate, or one element per partition in a column (partitions as in the main input). */
export type Scalar =
  | { readonly kind: 'f32'; readonly value: number }
  | { readonly kind: 'i32'; readonly value: number }
  | { readonly kind: 'column'; readonly space: Space; readonly dtype: ChipDType; readonly base: number };

export interface Wait {
  /** 0..255 a core's semaphore, 256.. a chip's. */
  readonly semaphore: number;
  readonly value: number;
}

/** `field` (a name from the instruction's bindable fields, e.g. `dst.base`) is its immediate plus register `reg`. */
export interface Binding {
  readonly field: string;
  readonly reg: number;
}
export const REGISTERS = 32;
export const MAX_WAITS = 2;
export const MAX_BINDINGS = 8;

/** One side of a DMA transfer: up to 4 dims, outermost first; strides in bytes, except that of `partitionDim`, in partitions. */
export interface DmaSide {
  readonly space: DmaSpace;
  /** DRAM only: the artifact's variable that `offset` counts from; else 0. */
  readonly variable: number;
  /** Byte offset in the variable, or inside the partition. */
  readonly offset: number;
  /** SBUF/PSUM only: the first partition; else 0. */
  readonly partition: number;
  /** Which dim steps over partitions; -1 where none does. */
  readonly partitionDim: number;
  readonly counts: readonly [number, number, number, number];
  readonly strides: readonly [number, number, number, number];
  /** Register added to `offset` when triggered; -1 for none. */
  readonly reg: number;
}

/**
 * Rows chosen by numbers read when triggered: int32 vector, contiguous, of counts[0] of the side named.
 * Row i of that side lies at (index[i] + add) * strides[0]; an index outside 0 <= index + add < bound traps.
 */
export interface DmaIndirect {
  readonly side: 'src' | 'dst';
  readonly space: 'sbuf' | 'dram';
  readonly variable: number;
  readonly partition: number;
  readonly offset: number;
  readonly bound: number;
  readonly add: number;
}

/** Element counts of both sides are equal; elements are moved in row-major order of each side's own dims. */
export interface DmaDescriptor {
  readonly elementBytes: 1 | 2 | 4 | 8;
  readonly src: DmaSide;
  readonly dst: DmaSide;
  readonly indirect?: DmaIndirect;
}

export type { EngineName };
