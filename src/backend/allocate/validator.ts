// An independent judge of allocations: it reads a problem and a list of addresses and reports every violation.
//  1. every buffer has an address, a whole number not below zero;
//  2. the address is a multiple of the buffer's alignment, and is the pinned one if there is a pin;
//  3. the buffer ends within the capacity;
//  4. no two buffers share a byte of one partition at one time.
// It shares no logic with the solver on purpose, and must not import it: it walks pairs in order of time.
import type { AllocBuffer, AllocProblem } from './problem.js';

export interface Violation {
  readonly kind: 'missing' | 'alignment' | 'pin' | 'capacity' | 'overlap';
  /** One buffer, or two for an overlap, the smaller id first. */
  readonly ids: readonly number[];
  readonly message: string;
}

const meet = (a0: number, a1: number, b0: number, b1: number) => Math.max(a0, b0) < Math.min(a1, b1);

function partitionsMeet(a: AllocBuffer, b: AllocBuffer): boolean {
  const p = a.partitions;
  const q = b.partitions;
  if (p?.count === 0 || q?.count === 0) return false;
  return !p || !q || meet(p.start, p.start + p.count, q.start, q.start + q.count);
}

/** Every violation of `offsets` (address by id); an empty list means that the allocation is good. */
export function validateAllocation(
  problem: AllocProblem,
  offsets: ReadonlyMap<number, number>,
): readonly Violation[] {
  const found: Violation[] = [];
  const placed: { buffer: AllocBuffer; offset: number }[] = [];
  for (const buffer of problem.buffers) {
    const { id, size, align, fixed } = buffer;
    const offset = offsets.get(id);
    if (offset === undefined || !Number.isSafeInteger(offset) || offset < 0) {
      found.push({ kind: 'missing', ids: [id], message: `buffer ${id} has no valid address (${offset})` });
      continue;
    }
    if (offset % align !== 0)
      found.push({
        kind: 'alignment',
        ids: [id],
        message: `buffer ${id} at ${offset} is not ${align}-aligned`,
      });
    if (fixed !== undefined && fixed !== offset)
      found.push({ kind: 'pin', ids: [id], message: `buffer ${id} at ${offset} is pinned to ${fixed}` });
    if (offset + size > problem.capacity)
      found.push({
        kind: 'capacity',
        ids: [id],
        message: `buffer ${id} ends at ${offset + size}, beyond the capacity ${problem.capacity}`,
      });
    if (size > 0 && buffer.lower < buffer.upper) placed.push({ buffer, offset });
  }
  placed.sort((a, b) => a.buffer.lower - b.buffer.lower);
  let live: typeof placed = [];
  for (const now of placed) {
    const b = now.buffer;
    live = live.filter((other) => other.buffer.upper > b.lower);
    for (const other of live) {
      const a = other.buffer;
      if (!meet(now.offset, now.offset + b.size, other.offset, other.offset + a.size)) continue;
      if (!partitionsMeet(a, b)) continue;
      const range = `${other.offset}+${a.size} and ${now.offset}+${b.size}`;
      found.push({
        kind: 'overlap',
        ids: [Math.min(a.id, b.id), Math.max(a.id, b.id)],
        message: `buffers ${a.id} and ${b.id} overlap at time ${b.lower}: ${range}`,
      });
    }
    live.push(now);
  }
  return found;
}
