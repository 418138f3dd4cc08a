// Tensors of the interpreted program: views of storages. A storage has one current value of the graph; an in-place write
// gives it the next one, so that every view reads what was written through any other. Layout is tracked as far as it
// decides what shares memory (`contiguous`, `reshape`); where that is not known, the two become rivals, and a write to
// one makes the other unreadable rather than wrong.
import type { DType } from '../../../base/dtype.js';
import type { Value } from '../../../ir/graph.js';
import { rowMajorStrides } from '../../../ir/type.js';
import type { View } from './views.js';

export interface Storage {
  /** Current content; changed by Lowering.write only. */
  value: Value;
  version: number;
  /** Whether elements lie in row-major order for certain. */
  readonly rowMajor: boolean;
  /** Storages that may be the same memory. */
  rivals: readonly Storage[];
  /** Why its content is not known any more. */
  stale?: string;
  /** Tensor of the archive, by its place in the module tree. */
  readonly source?: string;
}

/** Affine quantisation: real = (q - zeroPoint) * scale, per tensor or along an axis. */
export interface Quantizer {
  readonly scale: readonly number[];
  readonly zeroPoint: readonly number[];
  /** Absent: per tensor. */
  readonly axis?: number;
}

export interface TensorItem {
  readonly kind: 'tensor';
  readonly storage: Storage;
  /** From the storage's value to this tensor. */
  readonly path: readonly View[];
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** In elements; undefined where not known. */
  readonly strides: readonly number[] | undefined;
  /** The elements are integers that stand for reals. */
  readonly quantizer?: Quantizer;
  /** Name of the input, where its element type was assumed and may still be corrected. */
  readonly assumed?: string;
  /** A Python number in a tensor's clothes: it does not raise the element type of what it meets. */
  readonly wrapped?: true;
}

/** Whether the elements lie in row-major order: undefined where not known. Strides of axes of one element do not matter. */
export function isContiguous(t: Pick<TensorItem, 'shape' | 'strides'>): boolean | undefined {
  if (t.shape.includes(0)) return true;
  const { strides } = t;
  if (strides === undefined) return undefined;
  const wanted = rowMajorStrides(t.shape);
  return t.shape.every((n, i) => n === 1 || strides[i] === wanted[i]);
}

/**
 * Strides under which a strided tensor can be seen with another shape without moving elements, or undefined where none are:
 * each group of axes that is merged or split must lie evenly in memory.
 */
export function viewStrides(
  shape: readonly number[],
  strides: readonly number[],
  to: readonly number[],
): readonly number[] | undefined {
  if (shape.includes(0)) return rowMajorStrides(to);
  const result = new Array<number>(to.length).fill(1);
  if (shape.length === 0) return result;
  let target = to.length - 1;
  let base = strides.at(-1) ?? 1;
  let run = 1;
  let taken = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    run *= shape[axis] ?? 1;
    const outer = shape[axis - 1];
    const ends = axis === 0 || (outer !== 1 && strides[axis - 1] !== run * base);
    if (!ends) continue;
    while (target >= 0 && (taken < run || to[target] === 1)) {
      result[target] = taken * base;
      taken *= to[target] ?? 1;
      target--;
    }
    if (taken !== run) return undefined;
    if (axis > 0) {
      base = strides[axis - 1] ?? 1;
      run = 1;
      taken = 1;
    }
  }
  return target === -1 ? result : undefined;
}

/** `f32[2,3]`. */
export function viewless(t: Pick<TensorItem, 'dtype' | 'shape'>): string {
  return `${t.dtype}[${t.shape.join(',')}]`;
}
