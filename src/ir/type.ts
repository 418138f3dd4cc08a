// Types of values: an element type and dims. A dim is an integer or an interned symbolic expression (dim.ts).
import type { DType } from '../base/dtype.js';
import type { Dim } from './dim.js';

export interface TensorType {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

export function tensorType(dtype: DType, shape: readonly Dim[]): TensorType {
  return { dtype, shape };
}

/** The dims as integers; undefined where one is symbolic. */
export function staticShape(t: TensorType): readonly number[] | undefined {
  return t.shape.every((d) => typeof d === 'number') ? (t.shape as readonly number[]) : undefined;
}

export function sameType(a: TensorType, b: TensorType): boolean {
  return (
    a.dtype === b.dtype && a.shape.length === b.shape.length && a.shape.every((d, i) => d === b.shape[i])
  );
}

/** Product of integer dims (1 for a scalar). */
export function elementCount(shape: readonly number[]): number {
  let n = 1;
  for (const d of shape) n *= d;
  return n;
}

/** Row-major strides in elements. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let s = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = s;
    s *= shape[i] ?? 1;
  }
  return strides;
}

export function formatType(t: TensorType): string {
  return `${t.dtype}[${t.shape.map((d) => (typeof d === 'number' ? d : d.text)).join(',')}]`;
}
