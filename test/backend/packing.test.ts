// Convolutions over few channels, whose taps share matmuls: every stride, kernel and count of channels that changes how taps are
// grouped, against the reference evaluator.
import { describe, expect, it } from 'vitest';
import { INF1, INF2 } from '../../src/chip/builtin.js';
import { bytesConstant } from '../../src/ir/constant.js';
import { tensorType } from '../../src/ir/type.js';
import { GraphBuilder } from '../../src/ops/build.js';
import { interpretGraph } from '../../src/ops/interpret.js';
import { runPasses } from '../../src/passes/pipeline.js';
import { build, difference, inputsOf, run } from './harness.js';

/** [kernel h, w, stride h, w, channels, pad]. */
const CASES: readonly (readonly [number, number, number, number, number, number])[] = [
  [7, 7, 2, 2, 3, 3],
  [3, 3, 2, 2, 3, 1],
  [3, 3, 2, 2, 24, 1],
  [3, 3, 1, 2, 24, 1],
  [5, 5, 2, 1, 12, 2],
  [5, 3, 3, 2, 4, 0],
  [11, 11, 4, 4, 3, 2],
  [4, 4, 4, 4, 3, 0],
  [6, 4, 2, 2, 1, 1],
  [2, 2, 3, 3, 8, 0],
  [3, 3, 2, 2, 64, 1],
];

describe.each([INF2, INF1])('$name', (target) => {
  it.each(CASES)('kernel %ix%i, stride %ix%i, %i channels, padding %i', (kh, kw, sh, sw, channels, pad) => {
    const b = new GraphBuilder('conv');
    const dtype = target === INF1 ? 'bf16' : 'f32';
    const x = b.input('x', tensorType(dtype, [2, channels, 37, 45]));
    const w = new GraphBuilder('weights');
    w.input('w', tensorType(dtype, [20, channels, kh, kw]));
    const [weights] = inputsOf(w.finish([], []), 7);
    if (weights === undefined) throw new Error('no weights');
    const y = b.one('conv', [x, b.constant(bytesConstant(dtype, weights.shape, weights.data))], {
      strides: [sh, sw],
      low: [pad, pad],
      high: [pad, pad],
      dilations: [1, 1],
      groups: 1,
    });
    const graph = b.finish([y], ['y']);
    const inputs = inputsOf(graph, 3);
    const [want] = interpretGraph(graph, inputs);
    const passed = runPasses(graph, { target, autoCast: 'none', autoCastType: 'bf16', level: 2 });
    const [got] = run(build(passed, target), target, inputs);
    const tolerance = { relative: dtype === 'bf16' ? 2 ** -7 : 1e-4, absolute: 1e-3 };
    if (want === undefined || got === undefined) throw new Error('no result');
    expect(difference(want, got, tolerance)).toBeUndefined();
  });
});
