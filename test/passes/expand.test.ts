// Expansion on the operators' own samples, operands being inputs or constants: afterwards nothing is left to expand, and the
// results are the same.
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.js';
import { zeros } from '../../src/base/tensor.js';
import { INF2 } from '../../src/chip/builtin.js';
import { bytesConstant } from '../../src/ir/constant.js';
import { GraphBuilder } from '../../src/ops/build.js';
import { interpretGraph } from '../../src/ops/interpret.js';
import { OPERATORS } from '../../src/ops/table.js';
import { FACTS } from '../../src/passes/facts.js';
import { entriesNamed } from '../../src/passes/pipeline.js';
import { runPipeline } from '../../src/passes/run.js';
import { difference } from '../helpers/compare.js';

const OPTIONS = { target: INF2, autoCast: 'none', narrow: 'bf16', level: 0, verifyEach: true } as const;
/** Results in 16-bit types differ by a rounding where the sum is made in another order. */
const TOLERANCE = { f16: 2e-3, bf16: 2e-2 } as Readonly<Record<string, number>>;

describe.each(['conv', 'conv_transpose', 'max_pool', 'avg_pool', 'matmul', 'attention'])('%s', (op) => {
  it('expands to operators that engines have', () => {
    const random = createRandom(5);
    const expand = entriesNamed(['expand']);
    for (let round = 0; round < 120; round++) {
      const sample = OPERATORS.get(op)?.sample?.(random);
      if (sample === undefined) throw new Error(`${op} has no sample`);
      const b = new GraphBuilder('sample');
      const constants = random.chance(0.3);
      const inputs = sample.inputs.filter((_, i) => !(constants && i > 0));
      const operands = sample.inputs.map((t, i) =>
        constants && i > 0 ? b.constant(bytesConstant(t.dtype, t.shape, t.data)) : b.input(`x${i}`, t),
      );
      const graph = b.finish(b.node(op, operands, sample.attrs), ['y']);
      const expanded = runPipeline(graph, expand, OPTIONS).graph;
      expect(FACTS.lowerable.violation(expanded)).toBeUndefined();
      const tolerance = TOLERANCE[sample.inputs[0]?.dtype ?? ''] ?? 1e-5;
      expect(difference(interpretGraph(graph, inputs), interpretGraph(expanded, inputs))).toBeLessThan(
        tolerance,
      );
    }
  });
});

describe('tensors without elements', () => {
  it.each([
    ['reduce_sum', { axes: [1], keep: false }],
    ['reduce_max', { axes: [1], keep: true }],
    ['reduce_prod', { axes: [0, 1], keep: false }],
    ['relu', {}],
    ['concat', { axis: 1 }],
  ])('%s', (op, attrs) => {
    const b = new GraphBuilder('empty');
    const x = b.input('x', { dtype: 'f32', shape: [2, 0] });
    const graph = b.finish(b.node(op, [x], attrs), ['y']);
    const expanded = runPipeline(graph, entriesNamed(['expand']), OPTIONS).graph;
    const inputs = [zeros('f32', [2, 0])];
    expect(expanded.body.nodes).toEqual([]);
    expect(difference(interpretGraph(graph, inputs), interpretGraph(expanded, inputs))).toBe(0);
  });
});
