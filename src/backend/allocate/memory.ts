// Addresses for a scheduled program: pins from the bottom of SBUF, the other buffers above them by lifetime, DRAM scratch in
// one variable; and which buffers take the place of which, so that reuse of addresses becomes dependences.
import type { Target } from '../../chip/target.js';
import type { Buffer } from '../lower/buffer.js';
import type { Access } from '../schedule/accesses.js';
import type { Schedule } from '../schedule/schedule.js';
import type { AllocBuffer } from './problem.js';
import { allocate, type Effort } from './solver.js';

export interface Memory {
  readonly fits: boolean;
  /** Bytes of a partition that would be needed where it does not fit. */
  readonly needed: number;
  readonly scratchBytes: number;
  /** Highest SBUF byte in use. */
  readonly sbufBytes: number;
  offset(b: Buffer): number;
  /** Buffers whose bytes (or bank) each buffer takes over. */
  predecessors(banks: ReadonlyMap<Buffer, number>): ReadonlyMap<Buffer, readonly Buffer[]>;
}

const SBUF_ALIGN = 32;
const DRAM_ALIGN = 64;

/** Buffers that keep their place through a whole artifact or executable: pins first, then residents. */
export interface FixedPlaces {
  readonly offsets: ReadonlyMap<Buffer, number>;
  /** First byte of a partition that is free for others. */
  readonly end: number;
}

export function placeFixed(pinned: readonly Buffer[], residents: readonly Buffer[]): FixedPlaces {
  const offsets = new Map<Buffer, number>();
  let end = 0;
  for (const b of [...pinned, ...residents]) {
    offsets.set(b, end);
    end += Math.ceil(b.bytes / SBUF_ALIGN) * SBUF_ALIGN;
  }
  return { offsets, end };
}

/** Addresses of one section's own buffers. @param effort of the search where heuristics do not reach the capacity */
export function allocateMemory(
  fixed: FixedPlaces,
  scheduled: Schedule,
  accesses: readonly (readonly Access[])[],
  target: Target,
  effort: Effort,
): Memory {
  const lives = lifetimes(scheduled, accesses);
  const reuse = reuseAfter(scheduled, lives);
  const offsets = new Map<Buffer, number>(fixed.offsets);
  const pinEnd = fixed.end;
  const sbuf = [...lives].filter(([b]) => b.space === 'sbuf' && !fixed.offsets.has(b));
  const room = target.sbufPartitionBytes - pinEnd;
  const relaxed = solve(
    sbuf.map(([b, [first]]): Lived => [b, [first, reuse.get(b) ?? first]]),
    SBUF_ALIGN,
    room,
  );
  const sbufFit = relaxed.needed === undefined ? relaxed : solve(sbuf, SBUF_ALIGN, room, effort);
  const dram = [...lives].filter(([b]) => b.space === 'dram' && b.variable === 'scratch');
  const dramFit = solve(dram, DRAM_ALIGN, target.dram.bytes);
  const fits = sbufFit.needed === undefined && dramFit.needed === undefined;
  sbufFit.offsets.forEach((o, i) => {
    const b = sbuf[i]?.[0];
    if (b) offsets.set(b, pinEnd + o);
  });
  dramFit.offsets.forEach((o, i) => {
    const b = dram[i]?.[0];
    if (b) offsets.set(b, o);
  });
  return {
    fits,
    needed: pinEnd + (sbufFit.needed ?? sbufFit.height),
    scratchBytes: dramFit.height,
    sbufBytes: pinEnd + sbufFit.height,
    offset: (b) => offsets.get(b) ?? 0,
    predecessors: (banks) => {
      const found = new Map<Buffer, Buffer[]>();
      takeOver(
        sbuf.map(([b]) => ({
          b,
          at: lives.get(b)?.[0] ?? 0,
          lo: offsets.get(b) ?? 0,
          hi: (offsets.get(b) ?? 0) + b.bytes,
        })),
        found,
      );
      takeOver(
        dram.map(([b]) => ({
          b,
          at: lives.get(b)?.[0] ?? 0,
          lo: offsets.get(b) ?? 0,
          hi: (offsets.get(b) ?? 0) + b.bytes,
        })),
        found,
      );
      takeOver(
        [...banks].map(([b, k]) => ({ b, at: lives.get(b)?.[0] ?? 0, lo: k, hi: k + 1 })),
        found,
      );
      return found;
    },
  };
}

/** First and last position at which each buffer is touched. */
function lifetimes(
  scheduled: Schedule,
  accesses: readonly (readonly Access[])[],
): Map<Buffer, [number, number]> {
  const lives = new Map<Buffer, [number, number]>();
  scheduled.order.forEach((i, at) => {
    for (const a of accesses[i] ?? []) {
      const known = lives.get(a.buffer);
      if (known === undefined) lives.set(a.buffer, [at, at]);
      else known[1] = at;
    }
  });
  return lives;
}

type Lived = readonly [Buffer, readonly [number, number]];

/** The last position at which taking a buffer's bytes would make the taker wait: addresses are reused only later where there is room. */
function reuseAfter(
  scheduled: Schedule,
  lives: ReadonlyMap<Buffer, readonly [number, number]>,
): Map<Buffer, number> {
  const { starts, done } = scheduled;
  const found = new Map<Buffer, number>();
  for (const [b, [, last]] of lives) {
    const free = done[last] ?? 0;
    let lo = last;
    let hi = starts.length - 1;
    while (lo < hi) {
      const middle = (lo + hi + 1) >> 1;
      if ((starts[middle] ?? 0) < free) lo = middle;
      else hi = middle - 1;
    }
    found.set(b, lo);
  }
  return found;
}

function solve(
  list: readonly Lived[],
  align: number,
  capacity: number,
  effort: Effort = 'fast',
): { offsets: number[]; height: number; needed?: number } {
  const buffers: AllocBuffer[] = list.map(([b, [first, last]], id) => ({
    id,
    lower: first,
    upper: last + 1,
    size: b.bytes,
    align,
    ...(b.space === 'sbuf' && { partitions: { start: b.start, count: b.parts } }),
  }));
  const result = allocate({ buffers, capacity }, { effort });
  if ('infeasible' in result)
    return { offsets: buffers.map(() => 0), height: result.needed, needed: result.needed };
  return { offsets: buffers.map((b) => result.offsets.get(b.id) ?? 0), height: result.height };
}

interface Place {
  readonly b: Buffer;
  readonly at: number;
  readonly lo: number;
  readonly hi: number;
}

/** Sweeps in order of first use, keeping who was last in each byte range. */
function takeOver(places: readonly Place[], found: Map<Buffer, Buffer[]>): void {
  let held: { lo: number; hi: number; b: Buffer }[] = [];
  for (const p of [...places].sort((x, y) => x.at - y.at || x.lo - y.lo)) {
    const kept: typeof held = [];
    for (const h of held) {
      if (h.hi <= p.lo || h.lo >= p.hi) {
        kept.push(h);
        continue;
      }
      const list = found.get(p.b);
      if (list === undefined) found.set(p.b, [h.b]);
      else if (!list.includes(h.b)) list.push(h.b);
      if (h.lo < p.lo) kept.push({ ...h, hi: p.lo });
      if (h.hi > p.hi) kept.push({ ...h, lo: p.hi });
    }
    kept.push({ lo: p.lo, hi: p.hi, b: p.b });
    held = kept;
  }
}
