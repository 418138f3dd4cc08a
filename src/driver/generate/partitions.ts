// Where to cut an unrolled decoder: exact dynamic programming over the simulated latencies of partitions. A request of length n
// runs every partition that starts before n, so its latency is a sum over partitions, and so is any weighted mean of requests.
import { usageError } from '../../base/diagnostic.js';
import { type Histogram, quantile, tails } from './histogram.js';

/** What boundaries are chosen for: the mean, the 99th percentile, or W x mean + (1 - W) x p99. */
export type Objective = 'mean' | 'p99' | number;

/** Modelled ns of a decoder execution of so many steps from step `start` on, host and transfers included. */
export type PartitionCost = (steps: number, start: number) => number;

/** Weight of a partition that starts after `start` tokens: the share of the objective that has to run it. */
function weights(h: Histogram, objective: Objective): number[] {
  const tail = tails(h);
  const last = quantile(h, 0.99);
  const share = objective === 'mean' ? 1 : objective === 'p99' ? 0 : objective;
  // A trace of the mean decides where the percentile alone does not.
  const trace = share === 0 ? 1e-6 : 0;
  return tail.map((t, start) => (share + trace) * t + (1 - share) * (start < last ? 1 : 0));
}

/** Ascending ends, the last maxSteps, of least cost; of equal costs the one with fewer partitions. */
export function bestPartitions(
  maxSteps: number,
  cost: PartitionCost,
  h: Histogram,
  objective: Objective,
): number[] {
  const w = weights(h, objective);
  const best = new Array<number>(maxSteps + 1).fill(0);
  const cut = new Array<number>(maxSteps + 1).fill(maxSteps);
  for (let start = maxSteps - 1; start >= 0; start--) {
    best[start] = Number.POSITIVE_INFINITY;
    for (let end = maxSteps; end > start; end--) {
      const total = (w[start] ?? 0) * cost(end - start, start) + (best[end] ?? 0);
      if (total < (best[start] ?? 0)) {
        best[start] = total;
        cut[start] = end;
      }
    }
  }
  const ends: number[] = [];
  for (let at = 0; at < maxSteps; at = cut[at] ?? maxSteps) ends.push(cut[at] ?? maxSteps);
  return ends;
}

/** The objective's value of some boundaries: what the program above minimises. */
export function partitionsCost(
  ends: readonly number[],
  cost: PartitionCost,
  h: Histogram,
  objective: Objective,
): number {
  const w = weights(h, objective);
  return ends.reduce((sum, end, i) => {
    const start = ends[i - 1] ?? 0;
    return sum + (w[start] ?? 0) * cost(end - start, start);
  }, 0);
}

/** `parts` equal parts, the longer ones first. */
export function equalPartitions(maxSteps: number, parts: number): number[] {
  if (parts > maxSteps) throw usageError('E2047', `--partitions ${parts}: there are only ${maxSteps} steps`);
  return Array.from({ length: parts }, (_, i) => Math.ceil(((i + 1) * maxSteps) / parts));
}

/** Checks given ends: ascending, the last one maxSteps. */
export function checkEnds(ends: readonly number[], maxSteps: number): readonly number[] {
  if (ends.at(-1) !== maxSteps) {
    throw usageError(
      'E2048',
      `--partitions ${ends.join(',')}: the last end has to be the number of steps, ${maxSteps}`,
      {},
      `end with ${maxSteps}, or give --max-steps`,
    );
  }
  return ends;
}
