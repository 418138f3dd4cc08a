// A tensor as rows along one axis: what softmax, sums that run on, and searches for the largest element go through.
import { elementCount } from '../ir/type.js';

/**
 * Calls `visit` for every row along `axis`: its first element, how many elements it has, how far apart they are, and the
 * row's number in the row-major order of the other axes.
 */
export function eachRow(
  shape: readonly number[],
  axis: number,
  visit: (at: number, run: number, step: number, row: number) => void,
): void {
  const run = shape[axis] ?? 1;
  const step = elementCount(shape.slice(axis + 1));
  const outer = elementCount(shape.slice(0, axis));
  for (let row = 0; row < outer * step; row++) {
    const inner = row % step;
    visit((row - inner) * run + inner, run, step, row);
  }
}
