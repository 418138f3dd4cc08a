// Boundaries chosen by dynamic programming equal those of exhaustive search and beat random ones.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHistogram, quantile, tails, uniformHistogram } from '../../../src/driver/generate/histogram.js';
import {
  bestPartitions,
  checkEnds,
  equalPartitions,
  type Objective,
  partitionsCost,
} from '../../../src/driver/generate/partitions.js';

/** All ways to cut 1..n into consecutive parts, as ends. */
function allCuts(n: number): number[][] {
  return Array.from({ length: 2 ** (n - 1) }, (_, bits) => [
    ...Array.from({ length: n - 1 }, (_, i) => i + 1).filter((i) => (bits >> (i - 1)) & 1),
    n,
  ]);
}

const objectives: readonly Objective[] = ['mean', 'p99', 0.3];
const histogram = fc
  .array(fc.nat(50), { minLength: 4, maxLength: 10 })
  .filter((counts) => counts.some((c) => c > 0));

describe('bestPartitions', () => {
  it('equals exhaustive search', () => {
    fc.assert(
      fc.property(
        histogram,
        fc.constantFrom(...objectives),
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 1, max: 9 }),
        (counts, objective, fixed, slope) => {
          const n = counts.length;
          const h = parseHistogram(Object.fromEntries(counts.map((c, i) => [i + 1, c])), n, 'h');
          const cost = (steps: number): number => fixed + slope * steps;
          const best = partitionsCost(bestPartitions(n, cost, h, objective), cost, h, objective);
          const least = Math.min(...allCuts(n).map((ends) => partitionsCost(ends, cost, h, objective)));
          expect(best).toBeCloseTo(least, 9);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is never worse than 1,000 random cuts of 75 steps', () => {
    const h = parseHistogram(
      Object.fromEntries(
        Array.from({ length: 75 }, (_, i) => [i + 1, Math.round(1000 / (1 + (i - 12) ** 2 / 40))]),
      ),
      75,
      'h',
    );
    const cost = (steps: number): number => 36 + 29.5 * steps;
    const best = partitionsCost(bestPartitions(75, cost, h, 'mean'), cost, h, 'mean');
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 74 }), { maxLength: 30 }), (inner) => {
        const ends = [...inner.sort((a, b) => a - b), 75];
        expect(partitionsCost(ends, cost, h, 'mean')).toBeGreaterThanOrEqual(best - 1e-9);
      }),
      { numRuns: 1000 },
    );
  });

  it('cuts everywhere where executions are free, nowhere where they are dear', () => {
    const h = uniformHistogram(8);
    expect(bestPartitions(8, (n) => n, h, 'mean')).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(bestPartitions(8, (n) => 1000 + n, h, 'mean')).toEqual([8]);
  });
});

describe('ends and histograms', () => {
  it('takes ends whose last is the number of steps', () => {
    expect(checkEnds([25, 50, 75], 75)).toEqual([25, 50, 75]);
    expect(() => checkEnds([25, 50], 75)).toThrow(/E2048/);
    expect(equalPartitions(75, 3)).toEqual([25, 50, 75]);
    expect(equalPartitions(7, 3)).toEqual([3, 5, 7]);
  });

  it('reads counts, shortens what is too long, refuses what is no count', () => {
    const h = parseHistogram({ 1: 1, 3: 2, 9: 1 }, 4, 'h');
    expect(h).toEqual([0, 0.25, 0, 0.5, 0.25]);
    expect(quantile(h, 0.5)).toBe(3);
    expect(tails(h)[1]).toBeCloseTo(0.75);
    expect(() => parseHistogram({ 1: -1 }, 4, 'h')).toThrow(/E3660/);
    expect(() => parseHistogram({}, 4, 'h')).toThrow(/E3660/);
  });
});
