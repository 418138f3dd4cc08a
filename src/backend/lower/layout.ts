// Layouts as lists of partition axes: whether a view has one, and which to take where nobody has an opinion.
import { PARTITIONS } from '../../chip/target.js';
import { elementCount } from '../../ir/type.js';
import type { View } from './view.js';

/** Whether exactly these axes lie on partitions, dense, outer to inner, from partition 0 of a panel. */
export function hasPartitions(v: View, partition: readonly number[]): boolean {
  if (v.space !== 'sbuf' || v.p0 % PARTITIONS !== 0) return false;
  let rows = 1;
  const expected = new Map<number, number>();
  for (const i of [...partition].reverse()) {
    expected.set(i, rows);
    rows *= v.axes[i]?.n ?? 1;
  }
  return v.axes.every((a, i) => a.n === 1 || a.p === (expected.get(i) ?? 0));
}

/**
 * Partition axes for a tensor nobody has an opinion on: the leading axes, so that row-major DRAM gives long rows, as many
 * as keep the work of an element-wise instruction smallest.
 */
export function defaultPartition(shape: readonly number[]): number[] {
  let best: number[] = [];
  let bestCost = Number.POSITIVE_INFINITY;
  const total = elementCount(shape);
  let rows = 1;
  for (let k = 0; k <= shape.length; k++) {
    const panels = Math.ceil(rows / PARTITIONS);
    const cost = panels * (Math.max(64, total / Math.max(1, rows)) + 100) + (k === shape.length ? 1 : 0);
    if (cost < bestCost) {
      bestCost = cost;
      best = Array.from({ length: k }, (_, i) => i);
    }
    rows *= shape[k] ?? 1;
  }
  return best;
}
