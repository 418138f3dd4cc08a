// Fast placements that never go back. Two families, both deterministic and both keeping pins:
//  - a sweep places buffers in order of time into the gaps between the buffers live at that moment, which a list
//    sorted by address holds; its cost is the sum of the live counts, so tens of thousands of buffers are cheap;
//  - an ordered fit places the bulkiest first, each into a gap among its placed conflicts; better, but it needs
//    the list of conflicts.
// They ignore the capacity: the caller compares heights.
import { alignUp, type BufferTable, type Lists, rowsBy } from './table.js';

/** `best` takes the tightest gap that holds the buffer, `first` the lowest. Above the last gap there is always room. */
export type GapPolicy = 'best' | 'first';

/** Places in order of time; `backward` runs time in reverse. Returns the address of each row. */
export function sweepFit(t: BufferTable, policy: GapPolicy, backward: boolean): Float64Array {
  const begin = backward ? t.upper.map((x) => -x) : t.lower;
  const end = backward ? t.lower.map((x) => -x) : t.upper;
  const order = rowsBy(begin);
  // Buffers that begin together: the longest-lived at the bottom, where it disturbs least.
  order.sort((a, b) => begin[a]! - begin[b]! || end[b]! - end[a]! || t.size[b]! - t.size[a]! || a - b);
  const offset = t.fixed.slice();
  const pinned = order.filter((row) => t.fixed[row]! >= 0).sort((a, b) => offset[a]! - offset[b]!);
  const live = new Int32Array(t.count);
  live.set(pinned);
  let count = pinned.length;
  for (const row of order) {
    if (t.fixed[row]! >= 0) continue;
    const gap = new GapFinder(t.size[row]!, t.align[row]!, policy);
    const now = begin[row]!;
    let kept = 0;
    for (let k = 0; k < count; k++) {
      const other = live[k]!;
      if (end[other]! <= now) continue;
      live[kept++] = other;
      if (begin[other]! >= end[row]!) continue;
      if (t.groupLow[other]! >= t.groupHigh[row]! || t.groupLow[row]! >= t.groupHigh[other]!) continue;
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

/** Finds an address for one buffer among obstacles that are passed in ascending order of address. */
class GapFinder {
  private readonly size: number;
  private readonly align: number;
  private readonly policy: GapPolicy;
  private top = 0;
  private found = -1;
  private slack = Number.POSITIVE_INFINITY;

  constructor(size: number, align: number, policy: GapPolicy) {
    this.size = size;
    this.align = align;
    this.policy = policy;
  }

  pass(low: number, high: number): void {
    const room = low - this.top;
    if (room >= this.size && room < this.slack) {
      const start = alignUp(this.top, this.align);
      if (start + this.size <= low) {
        this.found = start;
        // A lower gap is never given up for a higher one under `first`.
        this.slack = this.policy === 'best' ? room : 0;
      }
    }
    if (high > this.top) this.top = high;
  }

  offset(): number {
    return this.found >= 0 ? this.found : alignUp(this.top, this.align);
  }
}
