// Gathers and scatters as lists of places: block i of the dense side belongs to block places[i] of the indexed side, all
// blocks of one length. What the index operators differ in is only how indices give places.
import { badInput } from '../base/diagnostic.js';
import { type DType, elementBytes, isFloat } from '../base/dtype.js';
import { elementReader, elementWriter, type HostTensor, stringTensor, zeros } from '../base/tensor.js';
import { elementCount, rowMajorStrides, type TensorType } from '../ir/type.js';

type Fail = (reason: string) => never;

/** Element types of indices. */
export const INDEX_TYPES = ['i64', 'i32'] as const satisfies readonly DType[];

export function checkIndex({ dtype }: TensorType, fail: Fail): void {
  if (dtype !== 'i64' && dtype !== 'i32') fail(`indices of type ${dtype} are neither i64 nor i32`);
}

export interface Places {
  /** Numbers of blocks of the indexed side. */
  readonly places: Float64Array;
  /** Elements of a block. */
  readonly run: number;
}

/** E3630 for an index that names no element. Indices count from 0: frontends have resolved negative ones. */
function checked(index: number, dim: number): number {
  if (!(index >= 0 && index < dim)) {
    throw badInput(
      'E3630',
      `index ${index} is out of range for an axis of ${dim} elements`,
      undefined,
      'Negative indices of a model are resolved when it is read; this one is neither in range nor within the axis from its end.',
    );
  }
  return index;
}

/** gather: every index names a slice across `axis`. */
export function axisPlaces(x: readonly number[], index: ArrayLike<number>, axis: number): Places {
  const outer = elementCount(x.slice(0, axis));
  const dim = x[axis] ?? 1;
  const places = new Float64Array(outer * index.length);
  for (let i = 0; i < index.length; i++) {
    const place = checked(index[i]!, dim);
    for (let o = 0; o < outer; o++) places[o * index.length + i] = o * dim + place;
  }
  return { places, run: elementCount(x.slice(axis + 1)) };
}

/** gather_elements, scatter_elements: every index replaces its own position's coordinate along `axis`. */
export function elementPlaces(
  x: readonly number[],
  shape: readonly number[],
  index: ArrayLike<number>,
  axis: number,
): Places {
  const strides = rowMajorStrides(x);
  const places = new Float64Array(index.length);
  const at = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < places.length; i++) {
    let place = checked(index[i]!, x[axis] ?? 1) * (strides[axis] ?? 1);
    for (let k = 0; k < at.length; k++) if (k !== axis) place += at[k]! * strides[k]!;
    places[i] = place;
    for (let k = at.length - 1; k >= 0; k--) {
      at[k] = at[k]! + 1;
      if (at[k]! < shape[k]!) break;
      at[k] = 0;
    }
  }
  return { places, run: 1 };
}

/** gather_nd, scatter_nd: every tuple along the index's last axis names a block after the `batch` common axes. */
export function tuplePlaces(
  x: readonly number[],
  shape: readonly number[],
  index: ArrayLike<number>,
  batch: number,
): Places {
  const width = shape.at(-1) ?? 0;
  const dims = x.slice(batch, batch + width);
  const strides = rowMajorStrides(dims);
  const blocks = elementCount(dims);
  const count = elementCount(shape.slice(0, -1));
  const perBatch = count / Math.max(1, elementCount(shape.slice(0, batch)));
  const places = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let place = Math.floor(i / perBatch) * blocks;
    for (let k = 0; k < width; k++) place += checked(index[i * width + k]!, dims[k]!) * strides[k]!;
    places[i] = place;
  }
  return { places, run: elementCount(x.slice(batch + width)) };
}

/** The blocks of `x` at the places, one after the other. */
export function copyBlocks(x: HostTensor, { places, run }: Places, shape: readonly number[]): HostTensor {
  if (x.strings !== undefined) {
    const { strings } = x;
    return stringTensor(
      shape,
      Array.from(places).flatMap((p) => strings.slice(p * run, (p + 1) * run)),
    );
  }
  const result = zeros(x.dtype, shape);
  const bytes = run * elementBytes(x.dtype);
  for (let i = 0; i < places.length; i++)
    copyBlock(x.data, places[i]! * bytes, result.data, i * bytes, bytes);
  return result;
}

/** Bytes for which one call of `set` beats a loop. */
const LONG = 64;

function copyBlock(source: Uint8Array, from: number, target: Uint8Array, to: number, bytes: number): void {
  if (bytes >= LONG) target.set(source.subarray(from, from + bytes), to);
  else for (let i = 0; i < bytes; i++) target[to + i] = source[from + i]!;
}

interface Reduction {
  readonly float: (a: number, b: number) => number;
  /** Up to 32 bits; the result wraps when it is written. */
  readonly integer: (a: number, b: number) => number;
  readonly big: (a: bigint, b: bigint) => bigint;
}

function greater(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

function lesser(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}

/** How a scatter combines an element with an update to it. */
export const REDUCTIONS: Readonly<Record<string, Reduction>> = {
  add: { float: (a, b) => a + b, integer: (a, b) => a + b, big: (a, b) => a + b },
  mul: { float: (a, b) => a * b, integer: Math.imul, big: (a, b) => a * b },
  max: { float: Math.max, integer: Math.max, big: greater },
  min: { float: Math.min, integer: Math.min, big: lesser },
};

/** `x` with the blocks of `updates` put or combined at the places, in order; every combination is rounded. */
export function scatterBlocks(
  x: HostTensor,
  { places, run }: Places,
  updates: HostTensor,
  reduction: string,
): HostTensor {
  const combine = REDUCTIONS[reduction];
  if (x.strings !== undefined) return scatterStrings(x, { places, run }, updates);
  const result = zeros(x.dtype, x.shape);
  result.data.set(x.data);
  if (combine === undefined) {
    const bytes = run * elementBytes(x.dtype);
    for (let i = 0; i < places.length; i++)
      copyBlock(updates.data, i * bytes, result.data, places[i]! * bytes, bytes);
    return result;
  }
  const combined = combiner(combine, x.dtype);
  const read = elementReader(result);
  const update = elementReader(updates);
  const write = elementWriter(result);
  for (let i = 0; i < places.length; i++) {
    for (let k = 0; k < run; k++) {
      const at = places[i]! * run + k;
      write(at, combined(read(at), update(i * run + k)));
    }
  }
  return result;
}

function combiner(
  reduction: Reduction,
  dtype: DType,
): (a: number | bigint, b: number | bigint) => number | bigint {
  const onNumbers = isFloat(dtype) ? reduction.float : reduction.integer;
  return (a, b) => (typeof a === 'bigint' ? reduction.big(a, BigInt(b)) : onNumbers(a, Number(b)));
}

function scatterStrings(x: HostTensor, { places, run }: Places, updates: HostTensor): HostTensor {
  const strings = [...(x.strings ?? [])];
  for (const [i, place] of places.entries())
    for (let k = 0; k < run; k++) strings[place * run + k] = updates.strings?.[i * run + k] ?? '';
  return stringTensor(x.shape, strings);
}
