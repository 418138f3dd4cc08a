// The contract of the allocator: buffers with lifetimes go in, addresses come out.
// One problem is one memory (SBUF, PSUM or DRAM). Two buffers conflict when both their lifetimes and their
// partition ranges intersect; conflicting buffers must not share an address. Lifetimes and partition ranges
// are input and never change. This file knows no memory of the chip and no search.
import { bug } from '../../base/diagnostic.js';

/** A half-open run of partitions, `[start, start + count)`. */
export interface PartitionRange {
  readonly start: number;
  readonly count: number;
}

export interface AllocBuffer {
  /** Unique in its problem. */
  readonly id: number;
  /** Live in the half-open interval `[lower, upper)`; any unit of time, integers. */
  readonly lower: number;
  readonly upper: number;
  /** Bytes; in a partitioned memory, bytes per partition. */
  readonly size: number;
  /** The address is a multiple of this; at least 1. */
  readonly align: number;
  /** The partitions the buffer occupies; absent means all of them. */
  readonly partitions?: PartitionRange;
  /** A pinned address. */
  readonly fixed?: number;
}

export interface AllocProblem {
  readonly buffers: readonly AllocBuffer[];
  /** Bytes (per partition); `Infinity` is allowed. */
  readonly capacity: number;
}

export interface AllocSolution {
  /** Address of each buffer, by id. */
  readonly offsets: ReadonlyMap<number, number>;
  /** The highest address in use, plus one. */
  readonly height: number;
}

/** Why no solution was returned, in terms that a spiller can act on. */
export interface AllocFailure {
  readonly infeasible: true;
  /** Bytes wanted: the live bytes at `at`, or, when they fit, the best height that was reached. */
  readonly needed: number;
  /** A time of greatest pressure. */
  readonly at: number;
  /** The buffers live at that time in the fullest partition, in input order. */
  readonly live: readonly number[];
  /** True when no assignment exists; false when the search gave up. */
  readonly proven: boolean;
}

export interface Peak {
  /** Greatest number of bytes live at once in one partition: no solution is lower. */
  readonly bytes: number;
  /** The first time at which it occurs. */
  readonly at: number;
  /** The ids of those buffers, in input order. */
  readonly live: readonly number[];
}

/** A buffer that occupies nothing conflicts with nothing. */
export function isEmpty(buffer: AllocBuffer): boolean {
  return buffer.size === 0 || buffer.lower === buffer.upper || buffer.partitions?.count === 0;
}

/**
 * Throws E1501 for a buffer that no solver could understand: a number that is not an integer in the exact
 * range, a negative size or lifetime, an alignment below one, a pin that contradicts its alignment, a repeated id.
 */
export function checkProblem(problem: AllocProblem): void {
  const seen = new Set<number>();
  if (!(problem.capacity >= 0)) throw bug('E1501', `allocation capacity ${problem.capacity} is not a size`);
  for (const b of problem.buffers) {
    const fault = seen.has(b.id) ? 'its id is taken' : faultOf(b);
    if (fault) throw bug('E1501', `buffer ${b.id} cannot be allocated: ${fault}`);
    seen.add(b.id);
  }
}

function faultOf(b: AllocBuffer): string | undefined {
  const exact = (x: number | undefined) => x === undefined || Number.isSafeInteger(x);
  if (![b.id, b.lower, b.upper, b.size, b.align, b.fixed].every(exact)) return 'a number is not an integer';
  if (b.upper < b.lower) return `its lifetime ends at ${b.upper}, before its start ${b.lower}`;
  if (b.size < 0) return `its size ${b.size} is negative`;
  if (b.align < 1) return `its alignment ${b.align} is below 1`;
  if (b.fixed !== undefined && (b.fixed < 0 || b.fixed % b.align !== 0))
    return `its pinned address ${b.fixed} is not a multiple of ${b.align}`;
  const p = b.partitions;
  if (p && !(exact(p.start) && exact(p.count) && p.start >= 0 && p.count >= 0))
    return `its partition range ${p.start}+${p.count} is not valid`;
  return undefined;
}

/** Partition ranges reduced to the fewest groups that tell them apart: range `[low[i], high[i])` of groups. */
export interface PartitionGroups {
  readonly count: number;
  readonly low: Int32Array;
  readonly high: Int32Array;
}

export function partitionGroups(buffers: readonly AllocBuffer[]): PartitionGroups {
  const edges = new Set<number>();
  for (const { partitions: p } of buffers) if (p && p.count > 0) edges.add(p.start).add(p.start + p.count);
  const sorted = [...edges].sort((a, b) => a - b);
  const groupOf = new Map(sorted.map((edge, group) => [edge, group]));
  const count = Math.max(1, sorted.length - 1);
  const low = new Int32Array(buffers.length);
  const high = new Int32Array(buffers.length).fill(count);
  buffers.forEach(({ partitions: p }, i) => {
    if (!p) return;
    low[i] = groupOf.get(p.start) ?? 0;
    high[i] = p.count > 0 ? (groupOf.get(p.start + p.count) ?? count) : low[i]!;
  });
  return { count, low, high };
}

/** The lower bound of the height: the most bytes that are live at one time in one partition group. */
export function peakOf(buffers: readonly AllocBuffer[]): Peak {
  const groups = partitionGroups(buffers);
  const used = buffers.map((_, i) => i).filter((i) => !isEmpty(buffers[i]!));
  const starts = used.toSorted((a, b) => buffers[a]!.lower - buffers[b]!.lower);
  const ends = used.toSorted((a, b) => buffers[a]!.upper - buffers[b]!.upper);
  const live = new Float64Array(groups.count);
  let bytes = 0;
  let at = 0;
  let group = 0;
  let ended = 0;
  for (const i of starts) {
    const b = buffers[i]!;
    for (; buffers[ends[ended]!]!.upper <= b.lower; ended++) {
      const e = ends[ended]!;
      for (let g = groups.low[e]!; g < groups.high[e]!; g++) live[g]! -= buffers[e]!.size;
    }
    for (let g = groups.low[i]!; g < groups.high[i]!; g++) {
      live[g]! += b.size;
      if (live[g]! <= bytes) continue;
      bytes = live[g]!;
      at = b.lower;
      group = g;
    }
  }
  const liveIds: number[] = [];
  for (const i of used) {
    const b = buffers[i]!;
    const inGroup = groups.low[i]! <= group && group < groups.high[i]!;
    if (inGroup && b.lower <= at && at < b.upper) liveIds.push(b.id);
  }
  return { bytes, at, live: bytes > 0 ? liveIds : [] };
}

/** Greatest number of live bytes over time and partition group. */
export function lowerBound(problem: AllocProblem): number {
  return peakOf(problem.buffers).bytes;
}
