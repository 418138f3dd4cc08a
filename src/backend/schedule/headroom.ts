// How much of SBUF steps may take ahead of program order. The oldest unissued step must always find room, so whatever runs ahead
// has to leave what program order will need until it gets there: over each position, the bytes live in program order plus those of
// buffers that were taken before their time must stay within the limit.
import type { Buffer } from '../lower/buffer.js';
import type { Dependences } from './dependences.js';

/** First and last step, in program order, that touches each buffer of the section's own in SBUF. */
export function programLives(deps: Dependences, n: number): Map<Buffer, [number, number]> {
  const lives = new Map<Buffer, [number, number]>();
  for (let i = 0; i < n; i++) {
    for (const { buffer } of deps.accesses[i] ?? []) {
      if (buffer.space !== 'sbuf' || buffer.weight || buffer.resident) continue;
      const known = lives.get(buffer);
      if (known === undefined) lives.set(buffer, [i, i]);
      else known[1] = i;
    }
  }
  return lives;
}

export class Headroom {
  private readonly lives: ReadonlyMap<Buffer, readonly [number, number]>;
  private readonly limit: number;
  private readonly demand: RangeMaximum;

  constructor(lives: ReadonlyMap<Buffer, readonly [number, number]>, n: number, limit: number) {
    this.lives = lives;
    const live = new Float64Array(n + 1);
    for (const [buffer, [first, last]] of lives) {
      live[first] = (live[first] ?? 0) + buffer.bytes;
      live[last + 1] = (live[last + 1] ?? 0) - buffer.bytes;
    }
    for (let i = 1; i <= n; i++) live[i] = (live[i] ?? 0) + (live[i - 1] ?? 0);
    this.demand = new RangeMaximum(live.subarray(0, n));
    // What program order itself needs is always granted.
    this.limit = Math.max(limit, this.demand.over(0, n));
  }

  /** Whether step i may take `bytes` now, all steps before `oldest` being issued. */
  allows(bytes: number, i: number, oldest: number): boolean {
    return i <= oldest || this.demand.over(oldest, i) + bytes <= this.limit;
  }

  /** A buffer comes to life while `oldest` is the first step not issued. */
  take(buffer: Buffer, oldest: number): void {
    const [first = 0] = this.lives.get(buffer) ?? [];
    if (first > oldest) this.demand.add(oldest, first, buffer.bytes);
  }
}

/** Numbers over positions: additions to a range and the maximum of a range, each in logarithmic time. */
class RangeMaximum {
  private readonly size: number;
  private readonly most: Float64Array;
  private readonly added: Float64Array;

  constructor(values: Float64Array) {
    this.size = 1;
    while (this.size < values.length) this.size *= 2;
    this.most = new Float64Array(2 * this.size);
    this.added = new Float64Array(2 * this.size);
    this.most.set(values, this.size);
    for (let k = this.size - 1; k > 0; k--)
      this.most[k] = Math.max(this.most[2 * k] ?? 0, this.most[2 * k + 1] ?? 0);
  }

  /** Maximum over [from, to); 0 where the range is empty. */
  over(from: number, to: number): number {
    return from < to ? this.maximum(1, 0, this.size, from, to) : 0;
  }

  add(from: number, to: number, value: number): void {
    if (from < to) this.raise(1, 0, this.size, from, to, value);
  }

  private maximum(k: number, lo: number, hi: number, from: number, to: number): number {
    if (from <= lo && hi <= to) return this.most[k] ?? 0;
    const middle = (lo + hi) >> 1;
    let found = 0;
    if (from < middle) found = this.maximum(2 * k, lo, middle, from, to);
    if (to > middle) found = Math.max(found, this.maximum(2 * k + 1, middle, hi, from, to));
    return found + (this.added[k] ?? 0);
  }

  private raise(k: number, lo: number, hi: number, from: number, to: number, value: number): void {
    if (from <= lo && hi <= to) {
      this.most[k] = (this.most[k] ?? 0) + value;
      this.added[k] = (this.added[k] ?? 0) + value;
      return;
    }
    const middle = (lo + hi) >> 1;
    if (from < middle) this.raise(2 * k, lo, middle, from, to, value);
    if (to > middle) this.raise(2 * k + 1, middle, hi, from, to, value);
    this.most[k] = Math.max(this.most[2 * k] ?? 0, this.most[2 * k + 1] ?? 0) + (this.added[k] ?? 0);
  }
}
