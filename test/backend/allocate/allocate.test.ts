import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AllocBuffer,
  type AllocFailure,
  type AllocProblem,
  type AllocSolution,
  lowerBound,
} from '../../../src/backend/allocate/problem.js';
import { allocate, type Effort } from '../../../src/backend/allocate/solver.js';
import { validateAllocation } from '../../../src/backend/allocate/validator.js';
import { NeffcError } from '../../../src/base/diagnostic.js';

const buffer = (id: number, lower: number, upper: number, size: number, rest: Partial<AllocBuffer> = {}) =>
  ({ id, lower, upper, size, align: 1, ...rest }) satisfies AllocBuffer;

function solved(result: AllocSolution | AllocFailure): AllocSolution {
  if ('infeasible' in result) throw new Error(`not solved: ${JSON.stringify(result)}`);
  return result;
}

/** The rules said once more, byte by byte and pair by pair. */
function conflict(a: AllocBuffer, x: number, b: AllocBuffer, y: number): boolean {
  const common = (a0: number, a1: number, b0: number, b1: number) => {
    for (let i = a0; i < a1; i++) if (i >= b0 && i < b1) return true;
    return false;
  };
  const pa = a.partitions ?? { start: 0, count: 128 };
  const pb = b.partitions ?? { start: 0, count: 128 };
  return (
    common(a.lower, a.upper, b.lower, b.upper) &&
    common(pa.start, pa.start + pa.count, pb.start, pb.start + pb.count) &&
    common(x, x + a.size, y, y + b.size)
  );
}

/** Tries every address of every buffer. */
function bruteForce({ buffers, capacity }: AllocProblem): boolean {
  const offsets: number[] = [];
  const place = (i: number): boolean => {
    const b = buffers[i];
    if (!b) return true;
    for (let at = b.fixed ?? 0; at + b.size <= capacity; at += b.align) {
      if (buffers.slice(0, i).every((a, k) => !conflict(a, offsets[k] ?? 0, b, at))) {
        offsets[i] = at;
        if (place(i + 1)) return true;
      }
      if (b.fixed !== undefined) return false;
    }
    return false;
  };
  return place(0);
}

const anyBuffers = (most: number, times: number, sizes: number) =>
  fc
    .array(
      fc.record({
        lower: fc.nat(times),
        life: fc.nat(times),
        size: fc.nat(sizes),
        align: fc.constantFrom(1, 1, 2, 3, 4),
        partitions: fc.option(fc.record({ start: fc.nat(3), count: fc.nat(3) }), { nil: undefined }),
        pin: fc.option(fc.nat(2), { nil: undefined, freq: 8 }),
      }),
      { maxLength: most },
    )
    .map((rows) =>
      rows.map(({ lower, life, size, align, partitions, pin }, id): AllocBuffer => {
        const rest = {
          ...(partitions && { partitions }),
          ...(pin !== undefined && { fixed: pin * align }),
        };
        return buffer(id, lower, lower + life, size, { align, ...rest });
      }),
    );

function tryAllocate(problem: AllocProblem, effort: Effort): AllocSolution | AllocFailure | undefined {
  try {
    return allocate(problem, { effort });
  } catch (error) {
    // Pins that overlap are refused; nothing else may throw.
    if (error instanceof NeffcError && error.message.includes('pinned')) return undefined;
    throw error;
  }
}

describe('allocate', () => {
  it('never lets conflicting buffers share an address', () => {
    const property = (buffers: AllocBuffer[], effort: Effort) => {
      const problem = { buffers, capacity: Number.POSITIVE_INFINITY };
      const result = tryAllocate(problem, effort);
      if (!result) return;
      const { offsets, height } = solved(result);
      expect(validateAllocation(problem, offsets)).toEqual([]);
      expect(height).toBeGreaterThanOrEqual(lowerBound(problem));
      const at = (b: AllocBuffer) => offsets.get(b.id) ?? -1;
      expect(height).toBe(Math.max(0, ...buffers.map((b) => at(b) + b.size)));
      for (const a of buffers)
        for (const b of buffers) if (a.id < b.id) expect(conflict(a, at(a), b, at(b))).toBe(false);
    };
    const efforts = fc.constantFrom<Effort>('fast', 'brief', 'normal', 'exhaustive');
    fc.assert(fc.property(anyBuffers(40, 20, 50), efforts, property), { numRuns: 300 });
  });

  it('finds a solution exactly when one exists', () => {
    const property = (buffers: AllocBuffer[], slack: number) => {
      const problem = { buffers, capacity: lowerBound({ buffers, capacity: 0 }) + slack };
      const result = tryAllocate(problem, 'normal');
      if (!result) return;
      const feasible = bruteForce(problem);
      expect('infeasible' in result).toBe(!feasible);
      if ('infeasible' in result) {
        expect(result.proven).toBe(true);
        expect(result.needed).toBeGreaterThan(problem.capacity);
      } else expect(validateAllocation(problem, result.offsets)).toEqual([]);
    };
    fc.assert(fc.property(anyBuffers(7, 6, 6), fc.nat(2), property), { numRuns: 2000 });
  });

  it('lets disjoint partitions share addresses at one time', () => {
    const half = (start: number) => ({ partitions: { start, count: 64 } });
    const buffers = [
      buffer(1, 0, 10, 100, half(0)),
      buffer(2, 0, 10, 100, half(64)),
      buffer(3, 5, 15, 60),
      buffer(4, 12, 20, 100, half(32)),
    ];
    const problem = { buffers, capacity: 160 };
    expect(lowerBound(problem)).toBe(160);
    const { offsets, height } = solved(allocate(problem));
    expect(height).toBe(160);
    expect(offsets.get(1)).toBe(offsets.get(2));
    expect(validateAllocation(problem, offsets)).toEqual([]);
  });

  it('names the peak when the live bytes exceed the capacity', () => {
    const buffers = [buffer(7, 0, 4, 50), buffer(8, 2, 6, 40), buffer(9, 3, 5, 30), buffer(10, 5, 9, 60)];
    const peak = { needed: 120, at: 3, live: [7, 8, 9] };
    expect(allocate({ buffers, capacity: 110 })).toEqual({ infeasible: true, proven: true, ...peak });
  });

  it('proves failure by fragmentation and names the place', () => {
    // The pins leave two holes of 3 at time 1, so that the 4 bytes do not fit though 6 are free.
    const pins = [buffer(0, 0, 2, 2, { fixed: 3 }), buffer(1, 0, 2, 2, { fixed: 8 })];
    const buffers = [...pins, buffer(2, 1, 3, 4), buffer(3, 5, 6, 10)];
    const fragmented = { infeasible: true, proven: true, at: 1, live: [0, 1, 2] };
    expect(allocate({ buffers, capacity: 10 })).toMatchObject(fragmented);
  });

  it('keeps pins and refuses those that overlap', () => {
    const buffers = [
      buffer(0, 0, 9, 8, { fixed: 8 }),
      buffer(1, 0, 9, 8),
      buffer(2, 4, 9, 16, { align: 16 }),
    ];
    expect([...solved(allocate({ buffers, capacity: 32 })).offsets]).toEqual([
      [0, 8],
      [1, 0],
      [2, 16],
    ]);
    const clash = [buffer(0, 0, 2, 8, { fixed: 8 }), buffer(1, 1, 2, 8, { fixed: 12 })];
    expect(() => allocate({ buffers: clash, capacity: 32 })).toThrow(/E1501.*pinned/);
    expect(() => allocate({ buffers: [buffer(0, 3, 2, 1)], capacity: 32 })).toThrow(/E1501.*lifetime/);
  });

  it.each([
    ['fast', 20_000, 40],
    ['fast', 50_000, 1000],
    ['normal', 20_000, 40],
  ] as const)('at effort %s ends on %i buffers', (effort, count, life) => {
    let state = 1;
    const random = (n: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state % n;
    };
    const buffers = Array.from({ length: count }, (_, id) => {
      const lower = random(count);
      return buffer(id, lower, lower + 1 + random(life), 64 * (1 + random(100)), { align: 64 });
    });
    const problem = { buffers, capacity: Number.POSITIVE_INFINITY };
    const { offsets, height } = solved(allocate(problem, { effort }));
    expect(validateAllocation(problem, offsets)).toEqual([]);
    expect(height).toBeLessThan(1.5 * lowerBound(problem));
    const again = solved(allocate(problem, { effort }));
    expect([...again.offsets]).toEqual([...offsets]);
  });
});
