// Operators along axes want those axes within partitions and everything else as rows: which layout, and the value in it.

import type { Value } from '../../ir/graph.js';
import { elementCount } from '../../ir/type.js';
import type { LowerContext } from './context.js';
import { laneAxes } from './move.js';

/** Partition axes for a value of which `along` must stay within partitions: where it lies if that will do, else as many others as fit. */
export function rowPartition(c: LowerContext, v: Value, along: readonly number[]): readonly number[] {
  const shape = c.shape(v);
  const free = (axes: readonly number[]): boolean => axes.every((i) => !along.includes(i));
  for (const place of c.places(v)) {
    if (place.space !== 'sbuf' || place.p0 % 128 !== 0) continue;
    const lanes = laneAxes(place);
    if (lanes.length > 0 && free(lanes)) return lanes;
  }
  const wanted = c.plan.wanted.get(v);
  if (wanted !== undefined && wanted.length > 0 && free(wanted)) return wanted;
  return widest(shape, along);
}

/** The axes (in order) not in `along` that keep the work of one instruction smallest. */
export function widest(shape: readonly number[], along: readonly number[]): number[] {
  const candidates = shape.map((_, i) => i).filter((i) => !along.includes(i) && (shape[i] ?? 1) > 1);
  let best: number[] = [];
  let bestCost = Number.POSITIVE_INFINITY;
  const total = elementCount(shape);
  for (let from = 0; from <= candidates.length; from++) {
    for (let to = from; to <= candidates.length; to++) {
      const axes = candidates.slice(from, to);
      const rows = axes.reduce((n, i) => n * (shape[i] ?? 1), 1);
      const cost = Math.ceil(rows / 128) * (Math.max(64, total / rows) + 100);
      if (cost < bestCost) {
        bestCost = cost;
        best = axes;
      }
    }
  }
  return best;
}
