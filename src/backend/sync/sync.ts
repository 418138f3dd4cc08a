// Semaphores: which instructions increment their stream's counter and which wait for which value. One counter per engine and
// queue; a wait is left out where an earlier one already implies it (transitive reduction by vector clocks). check.ts proves
// the result from the encoded bytes alone.
import { ENGINES } from '../../chip/target.js';
import { MAX_WAITS, type Wait } from '../../isa/operands.js';
import { engineSemaphore, queueSemaphore } from '../../isa/program.js';
import type { Instruction } from '../../isa/table.js';
import type { Step } from '../lower/buffer.js';

/** A step of one fragment in issue order: its resolved instruction and what it must wait for. */
export interface Ordered {
  readonly step: Step;
  /** Positions in the order of the steps that must be done before. */
  readonly before: readonly number[];
  /** DMA queue; -1 for engine instructions. */
  readonly queue: number;
}

/** Per engine, the instructions with waits and increments; NOPs carry waits beyond two. */
export interface Streams {
  readonly code: Readonly<Record<(typeof ENGINES)[number], Instruction[]>>;
  /** Step position of each instruction (a NOP has that of the instruction it serves). */
  readonly positions: Readonly<Record<(typeof ENGINES)[number], number[]>>;
  /** Final value of each semaphore. */
  readonly totals: ReadonlyMap<number, number>;
  readonly waits: number;
}

const STREAMS = 64;

export function synchronise(order: readonly Ordered[], startValues: ReadonlyMap<number, number> = new Map()): Streams {
  const stream = order.map((o) => (o.queue >= 0 ? queueSemaphore(o.queue) : engineSemaphore(ENGINES.indexOf(o.step.engine))));
  const waits = chooseWaits(order, stream);
  const signalled = new Uint8Array(order.length);
  for (const list of waits) for (const p of list) signalled[p] = 1;
  const counts = new Map<number, number>(startValues);
  const valueAt = new Int32Array(order.length);
  order.forEach((o, i) => {
    const s = stream[i] ?? 0;
    // Every transfer counts, so that a fragment's end can be awaited; engines count only what somebody waits for.
    if (o.queue >= 0 || signalled[i]) counts.set(s, (counts.get(s) ?? 0) + 1);
    valueAt[i] = counts.get(s) ?? 0;
  });
  const code: Record<string, Instruction[]> = {};
  const positions: Record<string, number[]> = {};
  for (const e of ENGINES) {
    code[e] = [];
    positions[e] = [];
  }
  let total = 0;
  order.forEach((o, i) => {
    const into = code[o.step.engine] as Instruction[];
    const at = positions[o.step.engine] as number[];
    const all: Wait[] = (waits[i] ?? []).map((p) => ({ semaphore: stream[p] ?? 0, value: valueAt[p] ?? 0 }));
    total += all.length;
    while (all.length > MAX_WAITS) {
      into.push({ m: 'NOP', waits: all.splice(0, MAX_WAITS), increment: -1, bindings: [] });
      at.push(i);
    }
    const increments = o.queue >= 0 || signalled[i] === 1;
    into.push({ ...o.step.instruction, waits: all, increment: increments ? (stream[i] ?? 0) : -1 } as Instruction);
    at.push(i);
  });
  return { code: code as Streams['code'], positions: positions as Streams['positions'], totals: counts, waits: total };
}

/**
 * For each position the earlier positions to wait for, at most one a stream. known[i] is a vector clock: for each stream the
 * last position of it that is certainly done when i starts (engines) or when i is done.
 */
function chooseWaits(order: readonly Ordered[], stream: readonly number[]): number[][] {
  const n = order.length;
  const clocks: Int32Array[] = [];
  const engineClock = new Map<string, Int32Array>();
  const queueLast = new Map<number, number>();
  const result: number[][] = [];
  for (let i = 0; i < n; i++) {
    const o = order[i] as Ordered;
    const engine = o.step.engine;
    // What the issuing engine knows: its own past and what it has waited for.
    const clock = Int32Array.from(engineClock.get(engine) ?? new Int32Array(STREAMS).fill(-1));
    const own = engineSemaphore(ENGINES.indexOf(engine));
    const last = new Map<number, number>();
    for (const p of o.before) {
      const s = stream[p] ?? 0;
      // Inside one engine a dependent instruction stalls by itself; a transfer's trigger does not see its engine's results.
      if (s === own && o.queue < 0) continue;
      if (p > (last.get(s) ?? -1)) last.set(s, p);
    }
    const needed = [...last.values()].filter((p) => p > (clock[stream[p] ?? 0] ?? -1));
    // Later positions imply more: take them first and skip what they already bring along.
    needed.sort((x, y) => y - x);
    const chosen: number[] = [];
    for (const p of needed) {
      if (p <= (clock[stream[p] ?? 0] ?? -1)) continue;
      chosen.push(p);
      merge(clock, clocks[p] as Int32Array);
      clock[stream[p] ?? 0] = Math.max(clock[stream[p] ?? 0] ?? -1, p);
    }
    result.push(chosen);
    const s = stream[i] ?? 0;
    engineClock.set(engine, clock);
    const done = Int32Array.from(clock);
    if (o.queue >= 0) {
      // When a transfer is done, so are the queue's earlier ones.
      const before = queueLast.get(s);
      if (before !== undefined) {
        merge(done, clocks[before] as Int32Array);
        done[s] = Math.max(done[s] ?? -1, before);
      }
      queueLast.set(s, i);
    }
    done[s] = i;
    if (o.queue < 0) engineClock.set(engine, done);
    clocks.push(done);
  }
  return result;
}

function merge(into: Int32Array, other: Int32Array): void {
  for (let k = 0; k < into.length; k++) if ((other[k] ?? -1) > (into[k] ?? -1)) into[k] = other[k] as number;
}
