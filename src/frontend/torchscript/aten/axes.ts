// Axes and bounds as PyTorch counts them: negative ones from the end.
import { badInput } from '../../../base/diagnostic.js';
import { broadcastAll } from '../../../ops/shape-math.js';
import type { Lowering } from '../lower/lowering.js';

/** An axis 0 <= axis < rank; a tensor of rank 0 has the axes 0 and -1 all the same. E3372 outside. */
export function axisOf(c: Lowering, axis: number, rank: number): number {
  const count = Math.max(1, rank);
  const resolved = axis < 0 ? axis + count : axis;
  if (resolved >= 0 && resolved < count) return resolved;
  throw badInput('E3372', `a tensor of ${rank} axes has no axis ${axis}`, c.where());
}

/** Different axes in ascending order; none given: all. */
export function axesOf(c: Lowering, axes: readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined || axes.length === 0) return Array.from({ length: rank }, (_, i) => i);
  if (rank === 0) return [];
  return [...new Set(axes.map((axis) => axisOf(c, axis, rank)))].sort((p, q) => p - q);
}

/** An index 0 <= index < size. E3372 outside. */
export function indexOf(c: Lowering, index: number, size: number): number {
  const resolved = index < 0 ? index + size : index;
  if (resolved >= 0 && resolved < size) return resolved;
  throw badInput('E3372', `index ${index} is outside of an axis of ${size} elements`, c.where());
}

/** Start and number of the elements start:end:step, clamped into the axis as Python does. */
export function rangeOf(start: number | undefined, end: number | undefined, step: number, size: number) {
  const clampTo = (n: number): number => Math.min(size, Math.max(0, n < 0 ? n + size : n));
  const from = clampTo(start ?? 0);
  const to = clampTo(end ?? size);
  return { start: from, size: Math.max(0, Math.ceil((to - from) / step)) };
}

/** The shape to which all broadcast. E3373 where there is none. */
export function commonShape(c: Lowering, shapes: readonly (readonly number[])[]): readonly number[] {
  return broadcastAll(shapes, (reason) => {
    throw badInput('E3373', reason, c.where());
  }) as readonly number[];
}
