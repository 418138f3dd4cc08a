// Tensors of the interpreted program: views of storages. A storage has one current value of the graph; an in-place write
// gives it the next one, so that every view reads what was written through any other. Layout is tracked as far as it
// decides what shares memory (`contiguous`, `reshape`); where that is not known, the two become rivals, and a write to
// one makes the other unreadable rather than wrong.
import type { DType } from '../../../base/dtype.js';
import type { Value } from '../../../ir/graph.js';
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

/** `f32[2,3]`. */
export function viewless(t: Pick<TensorItem, 'dtype' | 'shape'>): string {
  return `${t.dtype}[${t.shape.join(',')}]`;
}
