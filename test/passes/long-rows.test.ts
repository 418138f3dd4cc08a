// Rows that are too long for a partition are cut into parts: the graph means the same and compiles for a chip on which it did not fit.
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.js';
import { fromNumbers } from '../../src/base/tensor.js';
import { INF1 } from '../../src/chip/builtin.js';
import type { Attrs } from '../../src/ir/constant.js';
import { GraphBuilder } from '../../src/ops/build.js';
import { interpretGraph } from '../../src/ops/interpret.js';
import { entriesNamed } from '../../src/passes/pipeline.js';
import { runPipeline } from '../../src/passes/run.js';
import { build, difference, run } from '../backend/harness.js';

/** A chip with so little memory that short rows are long. */
const SMALL = { ...INF1, sbufPartitionBytes: 16 * 1024 };
const OPTIONS = { target: SMALL, autoCast: 'none', narrow: 'bf16', level: 2, verifyEach: true } as const;
const SHAPE = [1, 3, 64, 90];

const CASES: readonly (readonly [string, Attrs])[] = [
  ['reduce_mean', { axes: [2, 3], keep: false }],
  ['reduce_sum', { axes: [3, 2], keep: true }],
  ['reduce_max', { axes: [1, 2, 3], keep: false }],
  ['layer_norm', { axis: 2, epsilon: 1e-5 }],
  ['rms_norm', { axis: 2, epsilon: 1e-5 }],
];

describe('expand-long-rows', () => {
  it.each(CASES)('%s %j', (op, attrs) => {
    const b = new GraphBuilder('rows');
    const x = b.input('x', { dtype: 'f32', shape: SHAPE });
    const graph = b.finish([b.one(op, [x], attrs)], ['y']);
    const cut = runPipeline(graph, entriesNamed(['expand-long-rows']), OPTIONS).graph;
    expect(cut.body.nodes.length).toBeGreaterThan(graph.body.nodes.length);
    const random = createRandom(3);
    const count = SHAPE.reduce((n, d) => n * d, 1);
    const inputs = [
      fromNumbers(
        'f32',
        SHAPE,
        Array.from({ length: count }, () => random.between(-1, 2)),
      ),
    ];
    const [want] = interpretGraph(graph, inputs);
    const [bytes] = run(build(cut, SMALL), SMALL, inputs);
    if (want === undefined || bytes === undefined) throw new Error('no result');
    expect(difference(want, bytes, { relative: 1e-4, absolute: 1e-4 })).toBeUndefined();
  });

  it('softmax over a plane', () => {
    const b = new GraphBuilder('rows');
    const x = b.input('x', { dtype: 'f32', shape: [2, 5760] });
    const graph = b.finish([b.one('softmax', [x], { axis: 1 })], ['y']);
    const cut = runPipeline(graph, entriesNamed(['expand-long-rows']), OPTIONS).graph;
    const inputs = [
      fromNumbers(
        'f32',
        [2, 5760],
        Array.from({ length: 11520 }, (_, i) => (i % 97) / 9),
      ),
    ];
    const [want] = interpretGraph(graph, inputs);
    const [bytes] = run(build(cut, SMALL), SMALL, inputs);
    if (want === undefined || bytes === undefined) throw new Error('no result');
    expect(difference(want, bytes, { relative: 1e-4, absolute: 1e-6 })).toBeUndefined();
  });

  it('leaves rows that fit', () => {
    const b = new GraphBuilder('rows');
    const x = b.input('x', { dtype: 'f32', shape: SHAPE });
    const graph = b.finish([b.one('reduce_mean', [x], { axes: [2, 3], keep: false })], ['y']);
    expect(runPipeline(graph, entriesNamed(['expand-long-rows']), { ...OPTIONS, target: INF1 }).graph).toBe(
      graph,
    );
  });
});
