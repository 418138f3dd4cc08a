// The shadow structures against the plain thing: a byte array, and happens-before as a closure over all events.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Region } from '../../../src/isa/footprint.js';
import { EventQueue } from '../../../src/sim/engine/event-queue.js';
import { BandMap, IntervalMap } from '../../../src/sim/engine/interval-map.js';
import { type Mark, RaceDetector } from '../../../src/sim/engine/races.js';

it('IntervalMap holds what a byte array would', () => {
  const write = fc.record({ lo: fc.nat(60), length: fc.integer({ min: 1, max: 12 }), value: fc.nat(2) });
  fc.assert(
    fc.property(fc.array(write, { maxLength: 40 }), (writes) => {
      const map = new IntervalMap();
      const bytes = new Array<number>(80).fill(-1);
      for (const { lo, length, value } of writes) {
        map.set(lo, lo + length, value);
        bytes.fill(value, lo, lo + length);
      }
      const seen = new Array<number>(80).fill(-1);
      map.each(0, 80, (value, lo, hi) => seen.fill(value, lo, hi));
      expect(seen).toEqual(bytes);
      for (const { lo, length } of writes)
        expect(map.gap(lo, lo + length + 5)).toBe(gapOf(bytes, lo, lo + length + 5));
    }),
  );
});

function gapOf(bytes: readonly number[], lo: number, hi: number): number {
  for (let i = lo; i < hi; i++) if (bytes[i] === -1) return i;
  return -1;
}

function region(
  start: number,
  parts: number,
  partitionStep: number,
  base: number,
  run: number,
  count: number,
  stride: number,
): Region {
  const dims = count > 1 ? { counts: [count], strides: [stride] } : { counts: [], strides: [] };
  const hi = base + (count - 1) * stride + run;
  return {
    space: 'sbuf',
    variable: 0,
    start,
    parts,
    partitionStep,
    lo: base,
    hi,
    base,
    run,
    ...dims,
    certain: true,
  };
}

const someRegion = fc
  .tuple(
    fc.nat(5),
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 1, max: 2 }),
    fc.nat(20),
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 5, max: 8 }),
  )
  .map(([start, parts, step, base, run, count, stride]) =>
    region(start, parts, step, base, run, count, stride),
  );

function bytesOf(r: Region): string[] {
  const found: string[] = [];
  for (let p = 0; p < r.parts; p++) {
    for (let i = 0; i < (r.counts[0] ?? 1); i++) {
      for (let b = 0; b < r.run; b++)
        found.push(`${r.start + p * r.partitionStep}:${r.base + i * (r.strides[0] ?? 0) + b}`);
    }
  }
  return found;
}

it('BandMap holds what a map of all bytes would', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(someRegion, fc.nat(1)), { maxLength: 20 }), (writes) => {
      const bands = new BandMap(16);
      const plain = new Map<string, number>();
      for (const [r, value] of writes) {
        bands.set(r, value);
        for (const b of bytesOf(r)) plain.set(b, value);
      }
      const seen = new Map<string, number>();
      bands.find(region(0, 16, 1, 0, 100, 1, 0), (map, first, end) => {
        map.each(0, 100, (value, lo, hi) => {
          for (let p = first; p < end; p++) for (let b = lo; b < hi; b++) seen.set(`${p}:${b}`, value);
        });
        return undefined;
      });
      expect([...seen].sort()).toEqual([...plain].sort());
    }),
  );
});

it('EventQueue gives times in order, ties by id', () => {
  const action = fc.record({ id: fc.nat(9), time: fc.nat(20), remove: fc.boolean() });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const queue = new EventQueue(10);
      const plain = new Map<number, number>();
      for (const { id, time, remove } of actions) {
        if (remove) queue.remove(id);
        else queue.set(id, time);
        if (remove) plain.delete(id);
        else plain.set(id, time);
        const sorted = [...plain].sort(([a, s], [b, t]) => s - t || a - b);
        expect([queue.firstId(), queue.firstTime()]).toEqual(sorted[0] ?? [-1, Number.POSITIVE_INFINITY]);
        expect(queue.secondTime()).toBe(sorted[1]?.[1] ?? Number.POSITIVE_INFINITY);
      }
    }),
  );
});

it('RaceDetector finds exactly the first access that happens-before leaves open, pruned or not', () => {
  const STREAMS = 4;
  const act = fc.record({
    stream: fc.nat(STREAMS - 1),
    region: someRegion,
    written: fc.boolean(),
    /** Which earlier event it waits for, counted back; none where there are not so many. */
    wait: fc.option(fc.nat(8), { nil: undefined }),
    prune: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const detector = new RaceDetector<number>(1, STREAMS, false);
      const marks: Mark[] = [];
      const before: Set<number>[] = [];
      for (const [i, { stream, region: r, written, wait, prune }] of acts.entries()) {
        const past = new Set<number>();
        const previous = acts.findLastIndex((a, j) => j < i && a.stream === stream);
        for (const j of [previous, wait === undefined ? -1 : i - 1 - wait]) {
          if (j < 0) continue;
          past.add(j);
          for (const k of before[j] ?? []) past.add(k);
        }
        before.push(past);
        const mark = wait === undefined ? undefined : marks[i - 1 - wait];
        if (mark !== undefined) detector.join(stream, mark);
        detector.event(stream);
        const mine = new Set(bytesOf(r));
        const open = acts
          .slice(0, i)
          .some(
            (a, j) => !past.has(j) && (a.written || written) && bytesOf(a.region).some((b) => mine.has(b)),
          );
        const found = detector.access(stream, r, written, i);
        expect(found !== undefined).toBe(open);
        if (open) return;
        marks.push(detector.mark(stream));
        if (prune) detector.prune(Array.from({ length: STREAMS }, (_, s) => detector.mark(s)));
      }
    }),
    { numRuns: 500 },
  );
});
