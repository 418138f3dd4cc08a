// The DMA of a chip against the rule said row by row: take the row that starts first, ties by queue.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ChipDma, type QueuedTransfer } from '../../../src/sim/engine/dma.js';

interface Planned {
  readonly slot: number;
  readonly earliest: number;
  readonly runs: readonly { count: number; bytes: number; queueTicks: number; dramTicks: number }[];
}

/** Ends of the transfers by the rule. */
function byRule(planned: readonly Planned[], slots: number): number[] {
  const rows = planned.map((t) => t.runs.flatMap((r) => Array.from({ length: r.count }, () => r)));
  const lists = Array.from({ length: slots }, (_, s) => planned.flatMap((t, i) => (t.slot === s ? [i] : [])));
  const next = lists.map((list) => ({
    list,
    at: 0,
    row: 0,
    start: planned[list[0] ?? -1]?.earliest ?? Number.POSITIVE_INFINITY,
  }));
  const ends: number[] = [];
  let dramFree = 0;
  for (;;) {
    const q = next.reduce((best, other) => (other.start < best.start ? other : best));
    const index = q.list[q.at];
    if (index === undefined) return ends;
    const row = rows[index]?.[q.row];
    let end = q.start;
    if (row !== undefined) {
      const served = row.dramTicks === 0 ? 0 : Math.max(q.start, dramFree) + row.dramTicks;
      if (row.dramTicks > 0) dramFree = served;
      end = Math.max(q.start + row.queueTicks, served);
      q.row++;
    }
    if (q.row < (rows[index]?.length ?? 0)) q.start = end;
    else {
      ends[index] = end;
      q.at++;
      q.row = 0;
      const following = planned[q.list[q.at] ?? -1];
      q.start = following === undefined ? Number.POSITIVE_INFINITY : Math.max(following.earliest, end);
    }
  }
}

function simulated(planned: readonly Planned[], slots: number, steps: readonly number[]): number[] {
  const transfers = planned.map((p): QueuedTransfer => ({ ...p, start: 0, end: -1 }));
  const dma = new ChipDma<QueuedTransfer>(slots, () => {});
  for (const [i, t] of transfers.entries()) dma.enqueue(planned[i]?.slot ?? 0, t);
  // However far it is let run at once, the outcome is the same.
  let limit = 0;
  for (const step of steps) {
    limit += step;
    dma.advance(limit, 1000);
  }
  while (dma.advance(Number.POSITIVE_INFINITY, 1000) < Number.POSITIVE_INFINITY);
  return transfers.map((t) => t.end);
}

const SLOTS = 5;
/** Transfers in ascending order of `earliest` in each queue. */
const plan = (dramTicks: fc.Arbitrary<number>) =>
  fc
    .array(
      fc.record({
        slot: fc.nat(SLOTS - 1),
        earliest: fc.nat(3000),
        runs: fc.array(
          fc.record({
            count: fc.integer({ min: 1, max: 9 }),
            bytes: fc.constant(1),
            queueTicks: fc.integer({ min: 100, max: 200 }),
            dramTicks,
          }),
          { maxLength: 3 },
        ),
      }),
      { maxLength: 14 },
    )
    .map((list) => list.sort((a, b) => a.earliest - b.earliest));
const steps = fc.array(fc.nat(500), { maxLength: 20 });

it('a DRAM too slow for the queues: row by row', () => {
  const slow = fc.constantFrom(0, ...Array.from({ length: 20 }, (_, i) => 201 + i));
  fc.assert(
    fc.property(plan(slow), steps, (p, s) => {
      expect(simulated(p, SLOTS, s)).toEqual(byRule(p, SLOTS));
    }),
  );
});

it('a DRAM that delays nobody: in one step', () => {
  fc.assert(
    fc.property(plan(fc.nat(20)), steps, (p, s) => {
      expect(simulated(p, SLOTS, s)).toEqual(byRule(p, SLOTS));
    }),
  );
});

it('between the two, less than a row for each change is forgotten', () => {
  fc.assert(
    fc.property(plan(fc.nat(80)), steps, (p, s) => {
      const exact = byRule(p, SLOTS);
      const bound = 400 * (p.length + 1);
      for (const [i, end] of simulated(p, SLOTS, s).entries())
        expect(Math.abs(end - (exact[i] ?? 0))).toBeLessThanOrEqual(bound);
    }),
  );
});
