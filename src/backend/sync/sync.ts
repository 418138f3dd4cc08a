// Semaphores: which instructions increment their stream's counter and which wait for which value. One counter per engine and
// queue; a wait is left out where an earlier one already implies it (transitive reduction by vector clocks). check.ts proves
// the result from the encoded bytes alone.
import { ENGINES, type EngineName } from '../../chip/target.js';
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

/** Per engine, the instructions with waits and increments; NOPs carry waits beyond two. Values count from the section's start. */
export interface Streams {
  readonly code: Readonly<Record<EngineName, Instruction[]>>;
  /** Step position of each instruction (a NOP has that of the instruction it serves). */
  readonly positions: Readonly<Record<EngineName, number[]>>;
  /** Increments of each semaphore in this section. */
  readonly totals: ReadonlyMap<number, number>;
  /** Waiting for these is waiting for the whole section. */
  readonly ends: readonly Wait[];
  /** Waits chosen, for reports. */
  readonly waits: number;
}

const STREAMS = 64;

export function synchronise(order: readonly Ordered[]): Streams {
  const stream = order.map((o) =>
    o.queue >= 0 ? queueSemaphore(o.queue) : engineSemaphore(ENGINES.indexOf(o.step.engine)),
  );
  const { waits, clocks } = chooseWaits(order, stream);
  const sinks = findSinks(stream, clocks);
  const signalled = new Uint8Array(order.length);
  for (const list of waits) for (const p of list) signalled[p] = 1;
  for (const p of sinks) signalled[p] = 1;
  const totals = new Map<number, number>();
  const valueAt = new Int32Array(order.length);
  stream.forEach((s, i) => {
    if (signalled[i]) totals.set(s, (totals.get(s) ?? 0) + 1);
    valueAt[i] = totals.get(s) ?? 0;
  });
  const waitFor = (p: number): Wait => ({ semaphore: stream[p] ?? 0, value: valueAt[p] ?? 0 });
  const code = perEngine<Instruction[]>(() => []);
  const positions = perEngine<number[]>(() => []);
  order.forEach((o, i) => {
    const engine = o.step.engine;
    const all = (waits[i] ?? []).map(waitFor);
    const carried = all.splice(0, Math.max(0, all.length - MAX_WAITS));
    for (const nop of waitingNops(carried)) {
      code[engine].push(nop);
      positions[engine].push(i);
    }
    code[engine].push({
      ...o.step.instruction,
      waits: all,
      increment: signalled[i] === 1 ? (stream[i] ?? 0) : -1,
    } as Instruction);
    positions[engine].push(i);
  });
  return {
    code,
    positions,
    totals,
    ends: sinks.map(waitFor),
    waits: waits.reduce((n, list) => n + list.length, 0),
  };
}

/** NOPs that carry waits, two each. */
export function waitingNops(waits: readonly Wait[]): Instruction[] {
  const nops: Instruction[] = [];
  for (let i = 0; i < waits.length; i += MAX_WAITS)
    nops.push({ m: 'NOP', waits: waits.slice(i, i + MAX_WAITS), increment: -1, bindings: [] });
  return nops;
}

/** The same code with every wait value counted from `start` instead of 0. */
export function startingAt(streams: Streams, start: ReadonlyMap<number, number>): Streams {
  const shift = (w: Wait): Wait => ({ ...w, value: w.value + (start.get(w.semaphore) ?? 0) });
  const code = perEngine((e) =>
    streams.code[e].map((i) =>
      i.waits.length === 0 ? i : ({ ...i, waits: i.waits.map(shift) } as Instruction),
    ),
  );
  return { ...streams, code, ends: streams.ends.map(shift) };
}

export function perEngine<T>(make: (e: EngineName) => T): Record<EngineName, T> {
  return Object.fromEntries(ENGINES.map((e) => [e, make(e)])) as Record<EngineName, T>;
}

/**
 * For each position the earlier positions to wait for, at most one a stream. clocks[i] is a vector clock: for each stream the
 * last position of it that is certainly done when i is done.
 */
function chooseWaits(
  order: readonly Ordered[],
  stream: readonly number[],
): { waits: number[][]; clocks: Int32Array[] } {
  const clocks: Int32Array[] = [];
  const engineClock = new Map<string, Int32Array>();
  const queueLast = new Map<number, number>();
  const waits: number[][] = [];
  order.forEach((o, i) => {
    const engine = o.step.engine;
    // What the issuing engine knows: its own past and what it has waited for.
    const clock = Int32Array.from(engineClock.get(engine) ?? new Int32Array(STREAMS).fill(-1));
    const own = engineSemaphore(ENGINES.indexOf(engine));
    const last = new Map<number, number>();
    for (const p of o.before) {
      const s = stream[p] ?? 0;
      // Inside one engine a dependent instruction stalls by itself.
      if (s === own && o.queue < 0) continue;
      if (p > (last.get(s) ?? -1)) last.set(s, p);
    }
    // Later positions imply more: take them first and skip what they already bring along.
    const needed = [...last.values()].sort((x, y) => y - x);
    const chosen: number[] = [];
    for (const p of needed) {
      const s = stream[p] ?? 0;
      if (p <= (clock[s] ?? -1)) continue;
      chosen.push(p);
      merge(clock, clocks[p] as Int32Array);
    }
    waits.push(chosen);
    const s = stream[i] ?? 0;
    const done = Int32Array.from(clock);
    if (o.queue >= 0) {
      // When a transfer is done, so are the queue's earlier ones; its engine has only triggered it.
      const before = queueLast.get(s);
      if (before !== undefined) merge(done, clocks[before] as Int32Array);
      queueLast.set(s, i);
      engineClock.set(engine, clock);
    } else engineClock.set(engine, done);
    done[s] = i;
    clocks.push(done);
  });
  return { waits, clocks };
}

/** Last positions of streams that no other stream's last position implies. */
function findSinks(stream: readonly number[], clocks: readonly Int32Array[]): number[] {
  const last = new Map<number, number>();
  stream.forEach((s, i) => {
    last.set(s, i);
  });
  const ends = [...last.entries()].sort((a, b) => b[1] - a[1]);
  const kept: [number, number][] = [];
  for (const [s, p] of ends) {
    const implied = kept.some(([, q]) => (clocks[q]?.[s] ?? -1) >= p);
    if (!implied) kept.push([s, p]);
  }
  return kept.map(([, p]) => p);
}

function merge(into: Int32Array, other: Int32Array): void {
  for (let k = 0; k < into.length; k++) if ((other[k] ?? -1) > (into[k] ?? -1)) into[k] = other[k] as number;
}
