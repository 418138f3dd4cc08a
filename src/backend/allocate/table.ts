// Buffers as columns of numbers, for the loops of the heuristics and of the search, and the pairs that conflict.
// A row is a position in the list given to `tableOf`; ids stay with the caller. Rows are never empty buffers.
import { type AllocBuffer, partitionGroups } from './problem.js';

export interface BufferTable {
  readonly count: number;
  readonly lower: Float64Array;
  readonly upper: Float64Array;
  readonly size: Float64Array;
  readonly align: Float64Array;
  /** The pinned address, or -1. */
  readonly fixed: Float64Array;
  /** Partition groups `[groupLow, groupHigh)`. */
  readonly groups: number;
  readonly groupLow: Int32Array;
  readonly groupHigh: Int32Array;
}

/** Lists of rows in one array: list `i` is `items[start[i]] .. items[start[i + 1]]`. */
export interface Lists {
  readonly start: Int32Array;
  readonly items: Int32Array;
}

export function tableOf(buffers: readonly AllocBuffer[]): BufferTable {
  const column = (get: (b: AllocBuffer) => number) => Float64Array.from(buffers, get);
  const groups = partitionGroups(buffers);
  return {
    count: buffers.length,
    lower: column((b) => b.lower),
    upper: column((b) => b.upper),
    size: column((b) => b.size),
    align: column((b) => b.align),
    fixed: column((b) => b.fixed ?? -1),
    groups: groups.count,
    groupLow: groups.low,
    groupHigh: groups.high,
  };
}

/** The smallest multiple of `align` that is not below `offset`. */
export function alignUp(offset: number, align: number): number {
  return align === 1 ? offset : Math.ceil(offset / align) * align;
}

/** Whether two rows occupy a partition in common. */
export function sharesGroup(t: BufferTable, a: number, b: number): boolean {
  return t.groupLow[a]! < t.groupHigh[b]! && t.groupLow[b]! < t.groupHigh[a]!;
}

/** All rows in ascending order of a column; equal ones keep their order. */
export function rowsBy(column: Float64Array): Int32Array {
  return Int32Array.from(column.keys()).sort((a, b) => column[a]! - column[b]! || a - b);
}

/** How many pairs of lifetimes meet (partitions not considered), without visiting the pairs. */
export function countMeetings(t: BufferTable): number {
  const ends = t.upper.toSorted();
  let ended = 0;
  let pairs = 0;
  t.lower.toSorted().forEach((lower, started) => {
    while (ends[ended]! <= lower) ended++;
    pairs += started - ended;
  });
  return pairs;
}

/** For each row, the rows that conflict with it, in ascending order of lifetime start. */
export function conflictsOf(t: BufferTable): Lists {
  const start = new Int32Array(t.count + 1);
  eachConflict(t, (a, b) => {
    start[a + 1]!++;
    start[b + 1]!++;
  });
  for (let i = 0; i < t.count; i++) start[i + 1]! += start[i]!;
  const items = new Int32Array(start[t.count]!);
  const next = start.slice();
  eachConflict(t, (a, b) => {
    items[next[a]!++] = b;
    items[next[b]!++] = a;
  });
  return { start, items };
}

function eachConflict(t: BufferTable, visit: (a: number, b: number) => void): void {
  const live = new Int32Array(t.count);
  let count = 0;
  for (const b of rowsBy(t.lower)) {
    let kept = 0;
    for (let k = 0; k < count; k++) {
      const a = live[k]!;
      if (t.upper[a]! <= t.lower[b]!) continue;
      live[kept++] = a;
      if (sharesGroup(t, a, b)) visit(a, b);
    }
    live[kept] = b;
    count = kept + 1;
  }
}
