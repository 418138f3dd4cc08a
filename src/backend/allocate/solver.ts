// Entry of the allocator: lifetimes in, addresses out, for any memory.
// Splits the problem where no buffer is live across, tries the heuristics on each component, and searches where
// they do not reach the capacity. The outcome is a function of the problem and the effort alone: work is limited
// by counted steps. It knows no memory of the chip; spilling is the caller's business.
import { bug } from '../../base/diagnostic.js';
import type { GapPolicy } from './gaps.js';
import { FIT_ORDERS, type FitOrder, orderedFit, sweepFit, timelineOf } from './heuristics.js';
import {
  type AllocBuffer,
  type AllocFailure,
  type AllocProblem,
  type AllocSolution,
  checkProblem,
  isEmpty,
  peakOf,
} from './problem.js';
import { type Preorder, Search } from './search.js';
import { sectionsOf } from './sections.js';
import { type BufferTable, conflictsOf, countMeetings, type Lists, sharesGroup, tableOf } from './table.js';

export type Effort = 'fast' | 'brief' | 'normal' | 'exhaustive';

/**
 * `pairs`: above so many pairs of simultaneous buffers only sweeps are tried, since pairs cannot be listed.
 * `steps`: the work of the search for one component; on a server core 1e8 to 2e8 a second.
 */
const LIMITS = {
  fast: { pairs: 500_000, steps: 0 },
  brief: { pairs: 4_000_000, steps: 2e7 },
  normal: { pairs: 4_000_000, steps: 4e8 },
  exhaustive: { pairs: 16_000_000, steps: 3e10 },
} as const satisfies Record<Effort, { pairs: number; steps: number }>;

const POLICIES: readonly GapPolicy[] = ['best', 'first'];

/** Tried in turn with a growing share of steps: which of them is quick differs from problem to problem. */
const PREORDERS: readonly Preorder[] = [
  ['width', 'area', 'total'],
  ['total', 'area', 'width'],
  ['total', 'width', 'area'],
];

/** The best addresses of a component so far. */
interface Placement {
  readonly offset: Float64Array;
  readonly height: number;
}

/**
 * Assigns an address to every buffer so that conflicting ones share none and all end within the capacity, or
 * says where the pressure is. `fast` uses heuristics only, whose cost grows with the live buffers, not with pairs; the
 * others add a search, whose `proven` failures are certain.
 * @throws E1501 for a malformed problem or pins that conflict with each other.
 */
export function allocate(
  problem: AllocProblem,
  { effort = 'normal' }: { effort?: Effort } = {},
): AllocSolution | AllocFailure {
  checkProblem(problem);
  checkPins(problem.buffers);
  const { buffers, capacity } = problem;
  for (const b of buffers)
    if ((b.fixed ?? 0) + b.size > capacity) return failure((b.fixed ?? 0) + b.size, b.lower, [b.id], true);
  const peak = peakOf(buffers);
  if (peak.bytes > capacity) return failure(peak.bytes, peak.at, peak.live, true);

  const offsets = new Map(buffers.map((b) => [b.id, b.fixed ?? 0]));
  let height = buffers.reduce((top, b) => Math.max(top, (b.fixed ?? 0) + b.size), 0);
  for (const component of components(buffers)) {
    const solved = solveComponent(component, capacity, effort);
    if ('infeasible' in solved) return solved;
    component.forEach((b, row) => {
      offsets.set(b.id, solved.offset[row]!);
    });
    height = Math.max(height, solved.height);
  }
  return { offsets, height };
}

function failure(needed: number, at: number, live: readonly number[], proven: boolean): AllocFailure {
  return { infeasible: true, needed, at, live, proven };
}

function checkPins(buffers: readonly AllocBuffer[]): void {
  const pinned = buffers.filter((b) => b.fixed !== undefined && !isEmpty(b));
  if (pinned.length < 2) return;
  const table = tableOf(pinned);
  const conflicts = conflictsOf(table);
  for (let a = 0; a < table.count; a++)
    for (const b of rowsOf(conflicts, a))
      if (table.fixed[a]! <= table.fixed[b]! && table.fixed[b]! < table.fixed[a]! + table.size[a]!)
        throw bug(
          'E1501',
          `buffers ${pinned[a]!.id} and ${pinned[b]!.id} are pinned to addresses that overlap`,
        );
}

function rowsOf(lists: Lists, row: number): Int32Array {
  return lists.items.subarray(lists.start[row]!, lists.start[row + 1]!);
}

/** Groups of buffers that are separate in time, in order of time. Empty buffers belong to none. */
function components(buffers: readonly AllocBuffer[]): AllocBuffer[][] {
  const result: AllocBuffer[][] = [];
  let end = Number.NEGATIVE_INFINITY;
  const used = buffers.filter((b) => !isEmpty(b));
  for (const b of used.sort((x, y) => x.lower - y.lower)) {
    if (b.lower >= end) result.push([]);
    result.at(-1)?.push(b);
    end = Math.max(end, b.upper);
  }
  return result;
}

function solveComponent(
  buffers: readonly AllocBuffer[],
  capacity: number,
  effort: Effort,
): Placement | AllocFailure {
  const table = tableOf(buffers);
  const limit = LIMITS[effort];
  const floor = peakOf(buffers).bytes;
  const listable = countMeetings(table) * table.groups <= limit.pairs;
  const conflicts = listable ? conflictsOf(table) : undefined;
  const best = bestHeuristic(table, conflicts, floor);
  if (best.height <= capacity) return best;
  let proven = false;
  if (conflicts && limit.steps > 0) {
    const found = search(table, conflicts, capacity, limit.steps);
    if (found instanceof Float64Array) return { offset: found, height: heightOf(table, found) };
    proven = found === 'none';
  }
  return pressure(buffers, table, best, proven);
}

function bestHeuristic(table: BufferTable, conflicts: Lists | undefined, floor: number): Placement {
  let best: Placement | undefined;
  for (const offset of heuristics(table, conflicts)) {
    const height = heightOf(table, offset);
    if (!best || height < best.height) best = { offset, height };
    if (best.height <= floor) break;
  }
  return best!;
}

/** Cheapest first; the caller stops when none can be better. */
function* heuristics(table: BufferTable, conflicts: Lists | undefined): Generator<Float64Array> {
  for (const backward of [false, true]) {
    const timeline = timelineOf(table, backward);
    for (const policy of POLICIES) yield sweepFit(table, timeline, policy);
  }
  if (!conflicts) return;
  for (const order of Object.keys(FIT_ORDERS) as FitOrder[])
    for (const policy of POLICIES) yield orderedFit(table, conflicts, order, policy);
}

function heightOf(table: BufferTable, offset: Float64Array): number {
  return offset.reduce((top, at, row) => Math.max(top, at + table.size[row]!), 0);
}

/** Addresses within the capacity, or the proof that there are none, or neither within the steps. */
function search(
  table: BufferTable,
  conflicts: Lists,
  capacity: number,
  steps: number,
): Float64Array | 'none' | 'gaveUp' {
  const sections = sectionsOf(table);
  const state = new Search(table, conflicts, sections, capacity);
  // One descent without going back costs about this much.
  let share = table.count * (table.count + sections.count * sections.groups) + conflicts.items.length;
  for (let left = steps; left > 0; ) {
    share *= 2;
    for (const preorder of PREORDERS) {
      const outcome = state.run(preorder, Math.min(share, left));
      if (outcome === 'solved') return state.offset;
      if (outcome === 'none') return 'none';
      left -= share;
    }
  }
  return 'gaveUp';
}

/** Tells of a failure by fragmentation: the fullest time in the life of the buffer that sticks out the most. */
function pressure(
  buffers: readonly AllocBuffer[],
  table: BufferTable,
  best: Placement,
  proven: boolean,
): AllocFailure {
  const worst = best.offset.findIndex((at, row) => at + table.size[row]! === best.height);
  const { lower, upper } = buffers[worst]!;
  const around = buffers
    .filter((b, row) => b.lower < upper && lower < b.upper && sharesGroup(table, row, worst))
    .map((b) => ({ ...b, lower: Math.max(b.lower, lower), upper: Math.min(b.upper, upper) }));
  const { at, live } = peakOf(around);
  return failure(best.height, at, live, proven);
}
