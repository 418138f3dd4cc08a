// The order in which each engine issues its instructions: list scheduling over engines and DMA queues with the machine's own
// latencies. PE keeps program order (so PSUM banks, handed out here in that order, can never block each other); the other
// engines take the earliest step that can start. Loads of streamed weights run ahead as far as SBUF allows.
import { COSTS, ENGINES, type Target, TICKS_PER_NS } from '../../chip/target.js';
import { costOf, stationaryTicks } from '../../isa/cost.js';
import { DMA_LATENCY_TICKS, descriptorTicks } from '../../isa/dma-cost.js';
import { engineSemaphore } from '../../isa/program.js';
import type { Buffer, Step } from '../lower/buffer.js';
import type { Dependences } from './dependences.js';
import { Headroom, programLives } from './headroom.js';

export interface Schedule {
  /** Indices of steps in an order that respects all dependences; each engine issues its own in this order. */
  readonly order: readonly number[];
  /** Queue of each DMA step; -1 for others. */
  readonly queues: Int16Array;
  /** PSUM bank of each PSUM buffer. */
  readonly banks: ReadonlyMap<Buffer, number>;
  /** Estimated ticks until all is done. */
  readonly ticks: number;
  /** Estimated start of each step of the order, ascending, and the tick from which its results may be used and its operands overwritten. */
  readonly starts: Float64Array;
  readonly done: Float64Array;
}

export interface ScheduleLimits {
  /** Bytes of a partition that buffers of the program (pins apart) may take. */
  readonly sbufBytes: number;
  /** How many steps ahead of the oldest unissued one an engine looks. */
  readonly window: number;
}

const HOP = COSTS.semaphoreHopNs * TICKS_PER_NS;

export function schedule(
  steps: readonly Step[],
  deps: Dependences,
  target: Target,
  limits: ScheduleLimits,
): Schedule {
  const n = steps.length;
  const queues = new Int16Array(n).fill(-1);
  const waiting = new Int32Array(n);
  const after: number[][] = Array.from({ length: n }, () => []);
  deps.before.forEach((before, i) => {
    waiting[i] = before.length;
    for (const p of before) after[p]?.push(i);
  });
  const uses = countAccesses(deps, n);
  const readable = new Float64Array(n);
  const engineFree = new Float64Array(ENGINES.length);
  const queueFree = new Float64Array(target.dma.queues);
  const banks = new Map<Buffer, number>();
  const bankTaken: boolean[] = new Array(target.psum.banks).fill(false);
  const bankReady: number[] = new Array(target.psum.banks).fill(0);
  const memory = new MemoryClock(limits.sbufBytes);
  const lives = programLives(deps, n);
  const headroom = new Headroom(lives, n, limits.sbufBytes);
  const startOf = new Float64Array(n);
  /** Tick at which each buffer of SBUF came to life. */
  const bornAt = new Map<Buffer, number>();
  /** Tick at which all accesses of a buffer that are issued are done. */
  const doneWith = new Map<Buffer, number>();
  const order: number[] = [];
  let ticks = 0;

  /** Steps whose dependences are issued, by engine, ascending. */
  const ready: number[][] = ENGINES.map(() => []);
  const engineOf = steps.map((s) => engineSemaphore(ENGINES.indexOf(s.engine)));
  const becomeReady = (i: number): void => {
    const list = ready[engineOf[i] ?? 0] as number[];
    let at = list.length;
    while (at > 0 && (list[at - 1] ?? 0) > i) at--;
    list.splice(at, 0, i);
  };
  for (let i = 0; i < n; i++) if (waiting[i] === 0) becomeReady(i);
  const issued = new Uint8Array(n);
  let oldest = 0;
  const peOrder = steps.flatMap((s, i) => (s.engine === 'pe' ? [i] : []));
  let peNext = 0;

  const earliest = (i: number, e: number): number => {
    let t = engineFree[e] ?? 0;
    for (const p of deps.before[i] ?? []) {
      const same = engineOf[p] === e && steps[p]?.instruction.m !== 'DMA';
      t = Math.max(t, (readable[p] ?? 0) + (same ? 0 : HOP));
    }
    // Another writer of a buffer may not begin before its bytes were given to it.
    for (const a of deps.accesses[i] ?? []) t = Math.max(t, bornAt.get(a.buffer) ?? 0);
    return t;
  };

  /** Bytes a step would newly bring to life, and whether a bank is needed and free. */
  const newBytes = (i: number): number => {
    let bytes = 0;
    for (const a of deps.accesses[i] ?? []) {
      if (lives.has(a.buffer) && a.write && !bornAt.has(a.buffer)) bytes += a.buffer.bytes;
    }
    return bytes;
  };
  const newBank = (i: number): Buffer | undefined =>
    deps.accesses[i]?.find((a) => a.buffer.space === 'psum' && a.write && !banks.has(a.buffer))?.buffer;

  while (order.length < n) {
    while (issued[oldest] === 1) oldest++;
    let best = -1;
    let bestStart = Number.POSITIVE_INFINITY;
    let bestBank = -1;
    for (let e = 0; e < ENGINES.length; e++) {
      const list = ready[e] as number[];
      const isPe = ENGINES[e] === 'pe';
      const isSp = ENGINES[e] === 'sp';
      let seen = 0;
      for (const i of list) {
        if (isPe && i !== peOrder[peNext]) continue;
        if (!isSp && i > oldest + limits.window) break;
        if (isSp && i > oldest + limits.window * 8) break;
        if (++seen > 12) break;
        let start = earliest(i, e);
        const bytes = newBytes(i);
        if (bytes > 0) {
          if (!headroom.allows(bytes, i, oldest)) continue;
          const free = memory.freeAt(bytes, i > oldest + limits.window ? FAR_SHARE : 1);
          if (free === undefined && i !== oldest) continue;
          start = Math.max(start, free ?? memory.allFreed());
        }
        let bank = -1;
        if (isPe && newBank(i) !== undefined) {
          for (let k = 0; k < bankTaken.length; k++) {
            if (!bankTaken[k] && (bank < 0 || (bankReady[k] ?? 0) < (bankReady[bank] ?? 0))) bank = k;
          }
          if (bank < 0) continue;
          start = Math.max(start, (bankReady[bank] ?? 0) + HOP);
        } else if (newBank(i) !== undefined) continue;
        if (start < bestStart || (start === bestStart && i < best)) {
          best = i;
          bestStart = start;
          bestBank = bank;
        }
        // Steps later in the program are only interesting where they can start before this one.
        if (start <= (engineFree[e] ?? 0)) break;
      }
    }
    if (best < 0) {
      // Only a step held back by memory is left: the oldest must go.
      best = firstReady(ready, peOrder[peNext]);
      bestStart = Math.max(earliest(best, engineOf[best] ?? 0), newBytes(best) > 0 ? memory.allFreed() : 0);
      const needs = newBank(best);
      if (needs !== undefined) bestBank = bankTaken.indexOf(false);
    }
    issue(best, bestStart, bestBank);
  }
  // Ties keep the order of decisions: a step starts after those it depends on.
  const sorted = order
    .map((i, at) => ({ i, at }))
    .sort((a, b) => (startOf[a.i] ?? 0) - (startOf[b.i] ?? 0) || a.at - b.at);
  return {
    order: sorted.map((x) => x.i),
    queues,
    banks,
    ticks,
    starts: Float64Array.from(sorted, (x) => startOf[x.i] ?? 0),
    done: Float64Array.from(sorted, (x) => readable[x.i] ?? 0),
  };

  function issue(i: number, start: number, bank: number): void {
    const step = steps[i] as Step;
    const e = engineOf[i] ?? 0;
    const list = ready[e] as number[];
    list.splice(list.indexOf(i), 1);
    issued[i] = 1;
    startOf[i] = start;
    order.push(i);
    if (step.engine === 'pe') peNext++;
    const needs = newBank(i);
    if (needs !== undefined && bank >= 0) {
      banks.set(needs, bank);
      bankTaken[bank] = true;
    }
    if (step.instruction.m === 'DMA') {
      let q = 0;
      for (let k = 1; k < queueFree.length; k++) if ((queueFree[k] ?? 0) < (queueFree[q] ?? 0)) q = k;
      queues[i] = q;
      engineFree[e] = start + COSTS.controlNs * TICKS_PER_NS;
      const work = (step.descriptors ?? []).reduce((t, d) => t + descriptorTicks(d, target), 0);
      const end = Math.max(start + DMA_LATENCY_TICKS, queueFree[q] ?? 0) + work;
      queueFree[q] = end;
      readable[i] = end;
    } else {
      const cost = costOf(step.instruction, step.engine, target);
      const load =
        step.instruction.m === 'MATMUL'
          ? Math.max(
              0,
              stationaryTicks(step.instruction, target) -
                Math.max(0, start - (engineFree[e] ?? 0)) -
                cost.issue,
            )
          : 0;
      engineFree[e] = start + cost.issue + load;
      readable[i] = start + cost.issue + load + cost.latency;
    }
    ticks = Math.max(ticks, readable[i] ?? 0);
    for (const buffer of new Set((deps.accesses[i] ?? []).map((a) => a.buffer))) {
      const left = (uses.get(buffer) ?? 0) - 1;
      uses.set(buffer, left);
      // The step issued last need not be the last to be done.
      const end = Math.max(doneWith.get(buffer) ?? 0, readable[i] ?? 0);
      doneWith.set(buffer, end);
      if (lives.has(buffer)) {
        if (!bornAt.has(buffer)) {
          bornAt.set(buffer, start);
          memory.take(buffer.bytes, start);
          headroom.take(buffer, oldest);
        }
        if (left === 0) memory.release(buffer.bytes, end + HOP);
      }
      if (buffer.space === 'psum' && left === 0) {
        const k = banks.get(buffer);
        if (k !== undefined) {
          bankTaken[k] = false;
          bankReady[k] = end;
        }
      }
    }
    for (const next of after[i] ?? []) if (--(waiting[next] as number) === 0) becomeReady(next);
  }
}

/** Share of the memory that loads far ahead may fill: the rest lets nearby work overlap. */
const FAR_SHARE = 0.6;

/** Bytes of a partition in use over estimated time: a buffer's bytes come back when its last access is done. */
class MemoryClock {
  private readonly limit: number;
  private used = 0;
  /** Bytes that came back before this tick are given out again: nothing new may start earlier. */
  now = 0;
  /** Bytes to come back, ascending by tick. */
  private readonly returns: { tick: number; bytes: number }[] = [];

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Earliest tick at which so many bytes are free; undefined while too many are held by unfinished work. */
  freeAt(bytes: number, share: number): number | undefined {
    const limit = this.limit * share;
    let used = this.used;
    if (used + bytes <= limit) return this.now;
    for (const r of this.returns) {
      used -= r.bytes;
      if (used + bytes <= limit) return r.tick;
    }
    return undefined;
  }

  /** Tick at which everything that is done with so far has come back: the oldest step goes then, whatever it needs. */
  allFreed(): number {
    return Math.max(this.now, this.returns.at(-1)?.tick ?? 0);
  }

  take(bytes: number, tick: number): void {
    for (let first = this.returns[0]; first !== undefined && first.tick <= tick; first = this.returns[0]) {
      this.used -= first.bytes;
      this.now = first.tick;
      this.returns.shift();
    }
    this.used += bytes;
  }

  release(bytes: number, tick: number): void {
    let at = this.returns.length;
    while (at > 0 && (this.returns[at - 1]?.tick ?? 0) > tick) at--;
    this.returns.splice(at, 0, { tick, bytes });
  }
}

/** How many steps touch each buffer. */
function countAccesses(deps: Dependences, n: number): Map<Buffer, number> {
  const counts = new Map<Buffer, number>();
  for (let i = 0; i < n; i++) {
    for (const buffer of new Set((deps.accesses[i] ?? []).map((a) => a.buffer)))
      counts.set(buffer, (counts.get(buffer) ?? 0) + 1);
  }
  return counts;
}

function firstReady(ready: readonly number[][], pe: number | undefined): number {
  let first = Number.POSITIVE_INFINITY;
  ready.forEach((list, e) => {
    for (const i of list) if ((ENGINES[e] !== 'pe' || i === pe) && i < first) first = i;
  });
  return first;
}
