// Complete search for an allocation within a capacity, after Moffitt's MiniMalloc (ASPLOS 2023).
// Buffers are placed from the bottom up: each sits at the lowest address that the conflicts beneath it allow,
// and addresses never fall along a branch (canonical solutions; every problem with a solution has such a one).
// A branch dies when, in some cell, the floor plus the bytes still to be placed exceed the capacity, when a
// placement leaves a hole that an unplaced buffer would fill, or when a pin is buried. Sections that no unplaced
// buffer crosses split the rest into independent parts. Work is counted in steps, never in time.
import type { Sections } from './sections.js';
import { alignUp, type BufferTable, type Lists } from './table.js';
import { Trail } from './trail.js';

/** Keys by which a static order sorts, descending: the fullest cell of the buffer, its lifetime, bytes times lifetime. */
export type Preorder = readonly ('total' | 'width' | 'area')[];

/** `none`: the whole space was searched, no solution exists. */
export type Outcome = 'solved' | 'none' | 'gaveUp';

/** Buffers of the sections `[from, to)`, whose unplaced ones remain to be placed at `bottom` or above. */
interface Part {
  readonly order: Int32Array;
  readonly from: number;
  readonly to: number;
  /** At the address `bottom`, buffers before this position of `order` are no longer admitted. */
  readonly bottom: number;
  readonly bottomRank: number;
  /** The choice that made this part: it is wrong if the part has no solution. */
  readonly owner: Choice | undefined;
  /** What remains once this part is solved. */
  readonly next: Part | undefined;
}

/** An open choice of the next buffer of a part, and how much was placed before it. */
interface Choice {
  readonly part: Part;
  /** Positions in the order of the part, by address. */
  readonly ranks: readonly number[];
  tried: number;
  readonly placedMark: number;
  readonly minMark: number;
  readonly floorMark: number;
}

const UNPLACED = -1;

export class Search {
  /** Address of each row; valid after `solved`. */
  readonly offset: Float64Array;
  private readonly table: BufferTable;
  private readonly conflicts: Lists;
  private readonly sections: Sections;
  private readonly capacity: number;
  /** Sizes rounded up to the common alignment, and the limit that goes with them. */
  private readonly padded: Float64Array;
  private readonly limit: number;
  private readonly minOffset: Float64Array;
  /** Per cell: no unplaced buffer of the cell can start below the floor; the bytes still to be placed. */
  private readonly floor: Float64Array;
  private readonly total: Float64Array;
  /** Unplaced buffers alive across the boundary between sections s and s + 1. */
  private readonly crossings: Int32Array;
  private readonly touched: Int32Array;
  private touchedCount = 0;
  private readonly isTouched: Uint8Array;
  private readonly minTrail = new Trail();
  private readonly floorTrail = new Trail();
  private readonly placed: Int32Array;
  private placedCount = 0;
  private readonly keys: Record<Preorder[number], Float64Array>;
  private preorder: Preorder = [];
  private steps = 0;

  constructor(table: BufferTable, conflicts: Lists, sections: Sections, capacity: number) {
    const cells = sections.count * sections.groups;
    this.table = table;
    this.conflicts = conflicts;
    this.sections = sections;
    this.capacity = capacity;
    const unit = table.align.reduce(gcd, 0);
    this.padded = table.size.map((size) => alignUp(size, unit));
    // Only the topmost buffer of a cell may let its padding hang over the capacity.
    this.limit = capacity + this.padded.reduce((most, p, i) => Math.max(most, p - table.size[i]!), 0);
    this.offset = new Float64Array(table.count).fill(UNPLACED);
    this.minOffset = table.fixed.map((fixed) => Math.max(fixed, 0));
    this.floor = new Float64Array(cells);
    this.total = new Float64Array(cells);
    this.crossings = new Int32Array(sections.count);
    this.touched = new Int32Array(cells);
    this.isTouched = new Uint8Array(cells);
    this.placed = new Int32Array(table.count);
    const width = table.upper.map((upper, row) => upper - table.lower[row]!);
    const area = width.map((w, row) => w * table.size[row]!);
    this.keys = { width, area, total: new Float64Array(table.count) };
    for (let row = 0; row < table.count; row++) this.lift(row);
  }

  /** Searches with one static order for about `budget` steps. */
  run(preorder: Preorder, budget: number): Outcome {
    this.undo(0, 0, 0);
    this.preorder = preorder;
    this.steps = 0;
    const order = this.sorted(Int32Array.from(this.offset.keys()));
    const whole = { order, from: 0, to: this.sections.count, bottom: 0, bottomRank: 0 };
    let part: Part | undefined = { ...whole, owner: undefined, next: undefined };
    while (part) {
      if (this.steps > budget) return 'gaveUp';
      if (part.order.every((row) => this.offset[row] !== UNPLACED)) {
        part = part.next;
        continue;
      }
      let choice: Choice | undefined = this.open(part);
      let remainder: Part | undefined;
      while (choice) {
        remainder = this.advance(choice);
        if (remainder) break;
        // The part has no solution. Whatever was placed since its owner, in sibling parts too, is of no avail.
        choice = choice.part.owner;
      }
      if (!choice) return 'none';
      part = remainder;
    }
    return 'solved';
  }

  private open(part: Part): Choice {
    return {
      part,
      ranks: this.candidates(part),
      tried: 0,
      placedMark: this.placedCount,
      minMark: this.minTrail.length,
      floorMark: this.floorTrail.length,
    };
  }

  /** Makes the next placement of a choice that holds so far; returns what is then to be solved. */
  private advance(choice: Choice): Part | undefined {
    const { part, ranks } = choice;
    while (choice.tried < ranks.length) {
      this.undo(choice.placedMark, choice.minMark, choice.floorMark);
      const rank = ranks[choice.tried++]!;
      const row = part.order[rank]!;
      const at = this.minOffset[row]!;
      const free = this.place(row, at);
      // Nothing unplaced conflicts with the row, so that no other branch can place it differently.
      if (free === 0) choice.tried = ranks.length;
      if (free >= 0 && this.fits(part, at)) return this.remainder(choice, row, at, rank);
    }
    return undefined;
  }

  private sorted(rows: Int32Array): Int32Array {
    const { start, items } = this.sections.cells;
    for (const row of rows) {
      let most = 0;
      for (let k = start[row]!; k < start[row + 1]!; k++) most = Math.max(most, this.total[items[k]!]!);
      this.keys.total[row] = most;
    }
    const keys = this.preorder.map((name) => this.keys[name]);
    return rows.toSorted((a, b) => {
      for (const key of keys) if (key[a] !== key[b]) return key[b]! - key[a]!;
      return a - b;
    });
  }

  /** The rows that may come next: lowest address first, then in static order; none if the part is lost. */
  private candidates(part: Part): number[] {
    const { order, bottom, bottomRank } = part;
    const { offset, minOffset } = this;
    const { size, fixed } = this.table;
    this.steps += order.length + (part.to - part.from) * this.sections.groups;
    // Above this address some cell would run out of room.
    let highest = this.highest(part);
    for (let rank = 0; rank < order.length; rank++) {
      const row = order[rank]!;
      if (offset[row] !== UNPLACED) continue;
      const at = minOffset[row]!;
      // One that starts at or above the end of another would leave a hole where that other fits.
      highest = Math.min(highest, at + size[row]! - 1);
      if (fixed[row]! >= 0 && (at < bottom || (at === bottom && rank < bottomRank))) return [];
    }
    const ranks: number[] = [];
    for (let rank = 0; rank < order.length; rank++) {
      const row = order[rank]!;
      if (offset[row] !== UNPLACED) continue;
      const at = minOffset[row]!;
      if (at > highest || at < bottom || (at === bottom && rank < bottomRank)) continue;
      let k = ranks.length;
      while (k > 0 && minOffset[order[ranks[k - 1]!]!]! > at) k--;
      ranks.splice(k, 0, rank);
    }
    return ranks;
  }

  /** What is to be solved after a placement: one part, or several if nothing crosses some boundary any more. */
  private remainder(choice: Choice, row: number, at: number, rank: number): Part {
    const { first, last } = this.sections;
    const { part } = choice;
    const whole: Part = { ...part, bottom: at, bottomRank: rank, owner: choice };
    const edges = [part.from];
    for (let s = first[row]!; s + 1 < last[row]!; s++) if (this.crossings[s] === 0) edges.push(s + 1);
    if (edges.length === 1) return whole;
    edges.push(part.to);
    let next = part.next;
    for (let k = edges.length - 2; k >= 0; k--) {
      const from = edges[k]!;
      const to = edges[k + 1]!;
      const rows = part.order.filter((r) => this.offset[r] === UNPLACED && first[r]! < to && from < last[r]!);
      if (rows.length === 0) continue;
      next = { order: this.sorted(rows), from, to, bottom: 0, bottomRank: 0, owner: choice, next };
    }
    return next ?? whole;
  }

  /** Puts a row at an address; returns how many unplaced rows conflict with it, or -1 if one of them is now lost. */
  private place(row: number, at: number): number {
    const { size, align, fixed } = this.table;
    const { offset, minOffset, floor, total } = this;
    const { cells } = this.sections;
    offset[row] = at;
    this.placed[this.placedCount++] = row;
    this.cross(row, -1);
    const end = at + size[row]!;
    const top = at + this.padded[row]!;
    let good = end <= this.capacity;
    let free = 0;
    this.touchedCount = 0;
    const { start, items } = this.conflicts;
    this.steps += start[row + 1]! - start[row]! + cells.start[row + 1]! - cells.start[row]!;
    for (let k = start[row]!; k < start[row + 1]!; k++) {
      const other = items[k]!;
      if (offset[other] !== UNPLACED) continue;
      free++;
      const before = minOffset[other]!;
      if (before >= end) continue;
      const now = alignUp(end, align[other]!);
      this.minTrail.push(other, before);
      minOffset[other] = now;
      if (now + size[other]! > this.capacity || (fixed[other]! >= 0 && now > fixed[other]!)) good = false;
      if (good) this.touch(other, before);
    }
    for (let k = cells.start[row]!; k < cells.start[row + 1]!; k++) {
      const cell = cells.items[k]!;
      total[cell]! -= this.padded[row]!;
      this.floorTrail.push(cell, floor[cell]!);
      if (floor[cell]! < top) floor[cell] = top;
      this.touchCell(cell);
    }
    if (good) this.raiseFloors();
    for (let k = 0; k < this.touchedCount; k++) this.isTouched[this.touched[k]!] = 0;
    return good ? free : -1;
  }

  /** Notes the cells whose floor may have rested on the old lowest address of `row`. */
  private touch(row: number, before: number): void {
    const { start, items } = this.sections.cells;
    for (let k = start[row]!; k < start[row + 1]!; k++) {
      if (this.floor[items[k]!]! >= before) this.touchCell(items[k]!);
    }
  }

  private touchCell(cell: number): void {
    if (this.isTouched[cell]) return;
    this.isTouched[cell] = 1;
    this.touched[this.touchedCount++] = cell;
  }

  private raiseFloors(): void {
    const { start, items } = this.sections.members;
    const { offset, minOffset, floor } = this;
    for (let i = 0; i < this.touchedCount; i++) {
      const cell = this.touched[i]!;
      const old = floor[cell]!;
      let lowest = Number.POSITIVE_INFINITY;
      for (let k = start[cell]!; k < start[cell + 1]!; k++) {
        const row = items[k]!;
        if (offset[row] === UNPLACED && minOffset[row]! < lowest) lowest = minOffset[row]!;
      }
      if (lowest <= old || lowest === Number.POSITIVE_INFINITY) continue;
      this.floorTrail.push(cell, old);
      floor[cell] = lowest;
    }
  }

  /** The highest address at which the next row may go: above it, some cell would run out of room. */
  private highest({ from, to }: Part): number {
    let most = 0;
    for (let cell = from * this.sections.groups; cell < to * this.sections.groups; cell++)
      if (this.total[cell]! > most) most = this.total[cell]!;
    return this.limit - most;
  }

  /** Whether each cell can still hold what is to come, none of it below `at`. */
  private fits({ from, to }: Part, at: number): boolean {
    const { floor, total, limit } = this;
    const { groups } = this.sections;
    for (let cell = from * groups; cell < to * groups; cell++) {
      const low = Math.max(floor[cell]!, at);
      if (total[cell]! > 0 && low + total[cell]! > limit) return false;
    }
    return true;
  }

  private undo(mark: number, minMark: number, floorMark: number): void {
    this.minTrail.unwind(minMark, this.minOffset);
    this.floorTrail.unwind(floorMark, this.floor);
    while (this.placedCount > mark) {
      const row = this.placed[--this.placedCount]!;
      this.offset[row] = UNPLACED;
      this.lift(row);
    }
  }

  /** Counts an unplaced row in its cells and boundaries. */
  private lift(row: number): void {
    const { start, items } = this.sections.cells;
    for (let k = start[row]!; k < start[row + 1]!; k++) this.total[items[k]!]! += this.padded[row]!;
    this.cross(row, 1);
  }

  private cross(row: number, change: number): void {
    const end = this.sections.last[row]! - 1;
    for (let s = this.sections.first[row]!; s < end; s++) this.crossings[s]! += change;
  }
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
