// Layout of tensors in memory, as PyTorch decides by it what is a view and what a copy. Strides count elements.
import { rowMajorStrides } from '../../../ir/type.js';

/** A shape and its strides, where they are known. */
export interface Strided {
  readonly shape: readonly number[];
  readonly strides: readonly number[] | undefined;
}

/** Whether the elements lie in row-major order: undefined where not known. Strides of axes of one element do not matter. */
export function isContiguous(t: Strided): boolean | undefined {
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
