// Free addresses between placed buffers, and the choice of the gap in which the next buffer goes.
// `GapFinder` is shown the obstacles of one buffer; `FreeList` keeps the gaps of a whole memory over time.
// Both start with all addresses free and always have room above the topmost obstacle.
import { alignUp } from './table.js';

/** `best` takes the gap with the least room to spare, `first` the lowest. */
export type GapPolicy = 'best' | 'first';

/** Finds an address for one buffer among obstacles that are passed in ascending order of address. */
export class GapFinder {
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
        // Under `first` nothing later can be better.
        this.slack = this.policy === 'best' ? room : 0;
      }
    }
    if (high > this.top) this.top = high;
  }

  offset(): number {
    return this.found >= 0 ? this.found : alignUp(this.top, this.align);
  }
}

/** The gaps of a memory, in order of address; none is empty, no two touch, the last one has no end. */
export class FreeList {
  private readonly low: Float64Array;
  private readonly high: Float64Array;
  private count = 1;

  /** `most`: how many buffers may be live at once. */
  constructor(most: number) {
    // A buffer bounds two gaps, one of them left by alignment.
    this.low = new Float64Array(2 * most + 2);
    this.high = new Float64Array(2 * most + 2).fill(Number.POSITIVE_INFINITY);
  }

  /** Occupies `size` bytes and returns their address. */
  take(size: number, align: number, policy: GapPolicy): number {
    let chosen = this.count - 1;
    let slack = Number.POSITIVE_INFINITY;
    for (let k = 0; k < this.count - 1; k++) {
      const room = this.high[k]! - this.low[k]!;
      if (room < size || room >= slack || alignUp(this.low[k]!, align) + size > this.high[k]!) continue;
      chosen = k;
      slack = room;
      if (policy === 'first' || room === size) break;
    }
    const gapLow = this.low[chosen]!;
    const gapHigh = this.high[chosen]!;
    const start = alignUp(gapLow, align);
    const before = start > gapLow ? 1 : 0;
    const after = start + size < gapHigh ? 1 : 0;
    this.shift(chosen + 1, before + after - 1);
    if (before) this.high[chosen] = start;
    if (after) {
      this.low[chosen + before] = start + size;
      this.high[chosen + before] = gapHigh;
    }
    return start;
  }

  /** Frees `[low, high)`, which must be occupied. */
  give(low: number, high: number): void {
    let above = 0;
    for (let end = this.count; above < end; ) {
      const middle = (above + end) >> 1;
      if (this.low[middle]! < high) above = middle + 1;
      else end = middle;
    }
    const joinsBelow = above > 0 && this.high[above - 1] === low;
    const joinsAbove = this.low[above] === high;
    const merged = joinsBelow ? this.low[above - 1]! : low;
    const end = joinsAbove ? this.high[above]! : high;
    const at = joinsBelow ? above - 1 : above;
    if (joinsBelow && joinsAbove) this.shift(above + 1, -1);
    if (!joinsBelow && !joinsAbove) this.shift(above, 1);
    this.low[at] = merged;
    this.high[at] = end;
  }

  /** Moves the gaps from position `from` on by `by` places. */
  private shift(from: number, by: number): void {
    if (by !== 0) {
      this.low.copyWithin(from + by, from, this.count);
      this.high.copyWithin(from + by, from, this.count);
    }
    this.count += by;
  }
}
