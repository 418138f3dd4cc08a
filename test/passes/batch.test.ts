// A batch that does not fit is done some images at a time: the graph means the same, the copies share their weights, and less
// crosses to DRAM than if the batch stayed whole.
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.js';
import { fromNumbers } from '../../src/base/tensor.js';
import { INF1 } from '../../src/chip/builtin.js';
import { bytesConstant } from '../../src/ir/constant.js';
import type { Graph, Value } from '../../src/ir/graph.js';
import { GraphBuilder } from '../../src/ops/build.js';
import { interpretGraph } from '../../src/ops/interpret.js';
import { entriesNamed } from '../../src/passes/pipeline.js';
import { runPipeline } from '../../src/passes/run.js';
import { build, difference, run } from '../backend/harness.js';

/** A chip with so little memory that small tensors are large. */
const SMALL = { ...INF1, sbufPartitionBytes: 16 * 1024 };
const random = createRandom(11);

function constant(b: GraphBuilder, shape: readonly number[]): Value {
  const count = shape.reduce((n, d) => n * d, 1);
  const values = Array.from({ length: count }, () => random.between(-0.3, 0.3));
  return b.constant(bytesConstant('f32', shape, fromNumbers('f32', shape, values).data));
}

/** Convolutions with a residual, a pooling, and a product over what is left. */
function model(batch: number): Graph {
  const b = new GraphBuilder('model');
  const x = b.input('x', { dtype: 'f32', shape: [batch, 8, 24, 24] });
  const plain = { strides: [1, 1], low: [1, 1], high: [1, 1], dilations: [1, 1], groups: 1 };
  const a = b.one('relu', [b.one('conv', [x, constant(b, [64, 8, 3, 3])], plain)]);
  const c = b.one('add', [a, b.one('conv', [a, constant(b, [64, 64, 3, 3])], plain)]);
  const pooled = b.one('max_pool', [c], {
    kernel: [4, 4],
    strides: [4, 4],
    low: [0, 0],
    high: [0, 0],
    dilations: [1, 1],
  });
  const flat = b.one('reshape', [pooled], { shape: [batch, 64 * 36] });
  return b.finish([b.one('matmul', [flat, constant(b, [64 * 36, 10])])], ['y']);
}

const OPTIONS = { target: SMALL, autoCast: 'none', narrow: 'bf16', level: 2, verifyEach: true } as const;

describe('large-batch', () => {
  const graph = model(4);
  const values = Array.from({ length: 4 * 8 * 24 * 24 }, () => random.between(-1, 1));
  const inputs = [fromNumbers('f32', [4, 8, 24, 24], values)];
  const split = runPipeline(graph, entriesNamed(['large-batch']), OPTIONS).graph;

  it('does the early layers image by image and joins what leaves them once', () => {
    const count = (op: string): number => split.body.nodes.filter((node) => node.op === op).length;
    expect(count('conv')).toBe(8);
    expect(count('concat')).toBe(1);
    expect(count('matmul')).toBe(1);
  });

  it('means the same, on the chip too', () => {
    const [want] = interpretGraph(graph, inputs);
    const [got] = interpretGraph(split, inputs);
    expect(got?.data).toEqual(want?.data);
    const [bytes] = run(build(split, SMALL), SMALL, inputs);
    if (want === undefined || bytes === undefined) throw new Error('no result');
    expect(difference(want, bytes, { relative: 1e-3, absolute: 1e-3 })).toBeUndefined();
  });

  it('needs less room in DRAM for activations', () => {
    const scratch = (g: Graph): number => build(g, SMALL).compiled.variables[0]?.bytes ?? 0;
    expect(scratch(split)).toBeLessThan(scratch(graph));
  });

  it('leaves a batch that fits whole', () => {
    expect(runPipeline(graph, entriesNamed(['large-batch']), { ...OPTIONS, target: INF1 }).graph).toBe(graph);
  });
});
