// Public entry of the allocator.
import { sweepFit } from './heuristics.js';
import type { AllocFailure, AllocProblem, AllocSolution } from './problem.js';
import { tableOf } from './table.js';
export function allocate(problem: AllocProblem, _o: { effort: string }): AllocSolution | AllocFailure {
  const t = tableOf(problem.buffers);
  const off = sweepFit(t, 'best', false);
  const offsets = new Map<number, number>();
  let height = 0;
  problem.buffers.forEach((b, i) => { offsets.set(b.id, off[i]!); height = Math.max(height, off[i]! + b.size); });
  if (height > problem.capacity) return { infeasible: true, needed: height, at: 0, live: [] } as unknown as AllocFailure;
  return { offsets, height } as unknown as AllocSolution;
}
