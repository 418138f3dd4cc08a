// Fast placements that never go back. Two families, both deterministic and both keeping pins:
//  - a sweep places buffers in order of time into the gaps that are free at that moment, without regard to pairs,
//    so tens of thousands of buffers are cheap;
//  - an ordered fit places the bulkiest first, each into a gap among its placed conflicts; often lower, but it
//    needs the list of conflicts.
// They ignore the capacity: the caller compares heights.
import { FreeList, GapFinder, type GapPolicy } from './gaps.js';
import { type BufferTable, type Lists, rowsBy, sharesGroup } from './table.js';

/** The order of events of a sweep; running backward, times are negated and ends become beginnings. */
export interface Timeline {
  readonly begin: Float64Array;
  readonly end: Float64Array;
  /** Rows by beginning; of those that begin together the longest-lived first, so that it lies lowest. */
  readonly beginning: Int32Array;
  /** Rows by end. */
  readonly ending: Int32Array;
}

export function timelineOf(t: BufferTable, backward: boolean): Timeline {
  const begin = backward ? t.upper.map((x) => -x) : t.lower;
  const end = backward ? t.lower.map((x) => -x) : t.upper;
  const beginning = Int32Array.from(begin.keys()).sort(
    (a, b) => begin[a]! - begin[b]! || end[b]! - end[a]! || t.size[b]! - t.size[a]! || a - b,
  );
  return { begin, end, beginning, ending: rowsBy(end) };
}

/** Places in order of time. Returns the address of each row. */
export function sweepFit(t: BufferTable, timeline: Timeline, policy: GapPolicy): Float64Array {
  const plain = t.groups === 1 && t.fixed.every((fixed) => fixed < 0);
  return plain ? sweepGaps(t, timeline, policy) : sweepLive(t, timeline, policy);
}

/** One memory for all, no pins: the free gaps are the whole state. */
function sweepGaps(t: BufferTable, timeline: Timeline, policy: GapPolicy): Float64Array {
  const { begin, end, beginning, ending } = timeline;
  const offset = new Float64Array(t.count);
  const free = new FreeList(t.count);
  let ended = 0;
  for (const row of beginning) {
    for (; end[ending[ended]!]! <= begin[row]!; ended++) {
      const gone = ending[ended]!;
      free.give(offset[gone]!, offset[gone]! + t.size[gone]!);
    }
    offset[row] = free.take(t.size[row]!, t.align[row]!, policy);
  }
  return offset;
}

/** With partitions or pins: looks at the buffers that are live or pinned, in order of address. */
function sweepLive(t: BufferTable, timeline: Timeline, policy: GapPolicy): Float64Array {
  const { begin, end, beginning } = timeline;
  const offset = t.fixed.slice();
  const pinned = beginning.filter((row) => t.fixed[row]! >= 0).sort((a, b) => offset[a]! - offset[b]!);
  const live = new Int32Array(t.count);
  live.set(pinned);
  let count = pinned.length;
  for (const row of beginning) {
    if (t.fixed[row]! >= 0) continue;
    const gap = new GapFinder(t.size[row]!, t.align[row]!, policy);
    let kept = 0;
    for (let k = 0; k < count; k++) {
      const other = live[k]!;
      if (end[other]! <= begin[row]!) continue;
      live[kept++] = other;
      if (begin[other]! >= end[row]! || !sharesGroup(t, row, other)) continue;
      gap.pass(offset[other]!, offset[other]! + t.size[other]!);
    }
    offset[row] = gap.offset();
    let at = kept;
    while (at > 0 && offset[live[at - 1]!]! > offset[row]!) at--;
    live.copyWithin(at + 1, at, kept);
    live[at] = row;
    count = kept + 1;
  }
  return offset;
}

/** What an ordered fit places first. */
export const FIT_ORDERS = {
  size: (t: BufferTable) => t.size,
  area: (t: BufferTable) => t.size.map((size, i) => size * (t.upper[i]! - t.lower[i]!)),
  width: (t: BufferTable) => t.upper.map((upper, i) => upper - t.lower[i]!),
} satisfies Record<string, (t: BufferTable) => Float64Array>;
export type FitOrder = keyof typeof FIT_ORDERS;

/** Places in descending order of the key, ties by size. Returns the address of each row. */
export function orderedFit(
  t: BufferTable,
  conflicts: Lists,
  order: FitOrder,
  policy: GapPolicy,
): Float64Array {
  const key = FIT_ORDERS[order](t);
  const rows = rowsBy(t.lower).sort((a, b) => key[b]! - key[a]! || t.size[b]! - t.size[a]! || a - b);
  const offset = t.fixed.slice();
  const byOffset = (a: number, b: number) => offset[a]! - offset[b]!;
  const scratch = new Int32Array(t.count);
  for (const row of rows) {
    if (offset[row]! >= 0) continue;
    let count = 0;
    for (let k = conflicts.start[row]!; k < conflicts.start[row + 1]!; k++) {
      const other = conflicts.items[k]!;
      if (offset[other]! >= 0) scratch[count++] = other;
    }
    const gap = new GapFinder(t.size[row]!, t.align[row]!, policy);
    for (const other of scratch.subarray(0, count).sort(byOffset))
      gap.pass(offset[other]!, offset[other]! + t.size[other]!);
    offset[row] = gap.offset();
  }
  return offset;
}
