// Every pass, and the whole pipeline, keeps what random graphs compute and what holds for all graphs.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { INF2 } from '../../src/chip/builtin.js';
import type { Graph } from '../../src/ir/graph.js';
import { formatType } from '../../src/ir/type.js';
import { interpretGraph } from '../../src/ops/interpret.js';
import { checkGraph } from '../../src/ops/verify.js';
import type { PipelineEntry } from '../../src/passes/pass.js';
import { PIPELINE } from '../../src/passes/pipeline.js';
import { passesOf, runPipeline } from '../../src/passes/run.js';
import { difference, isTame } from '../helpers/compare.js';
import { randomGraph } from '../helpers/random-graph.js';

function run(graph: Graph, pipeline: readonly PipelineEntry[]): Graph {
  return runPipeline(graph, pipeline, {
    target: INF2,
    autoCast: 'none',
    narrow: 'bf16',
    level: 3,
    verifyEach: true,
  }).graph;
}

function keepsResults(pipeline: readonly PipelineEntry[], seed: number, size: number): void {
  const { graph, inputs } = randomGraph(seed, size);
  checkGraph(graph, 'the generator');
  let tame = true;
  const before = interpretGraph(graph, inputs, (_value, tensor) => {
    tame &&= isTame(tensor);
  });
  if (!tame) return;
  const after = interpretGraph(run(graph, pipeline), inputs);
  expect(difference(before, after)).toBeLessThan(1e-4);
}

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });

describe('on random graphs', () => {
  it.each(
    passesOf(PIPELINE)
      .filter((p) => p.theme !== 'precision')
      .map((p) => [p.name, p] as const),
  )('%s', (_name, pass) => {
    fc.assert(
      fc.property(seeds, (seed) => keepsResults([pass], seed, 12)),
      { seed: 7, numRuns: 25 },
    );
  });

  it.each(['matmult', 'all'] as const)(
    'auto-cast %s gives valid graphs of the same signature',
    (autoCast) => {
      const options = { target: INF2, autoCast, narrow: 'f16', level: 2, verifyEach: true } as const;
      const valid = (seed: number): void => {
        const { graph } = randomGraph(seed, 16);
        const { body } = runPipeline(graph, PIPELINE, options).graph;
        expect(body.results.map((v) => formatType(v.type))).toEqual(
          graph.body.results.map((v) => formatType(v.type)),
        );
      };
      fc.assert(fc.property(seeds, valid), { seed: 13, numRuns: 40 });
    },
  );

  it('the whole pipeline', () => {
    fc.assert(
      fc.property(seeds, (seed) => keepsResults(PIPELINE, seed, 24)),
      { seed: 11, numRuns: 120 },
    );
  });
});
