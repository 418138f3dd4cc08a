// What references do not show: NaN, ties, empty tensors, indices out of range.
import { describe, expect, it } from 'vitest';
import { NeffcError } from '../../src/base/diagnostic.js';
import type { DType } from '../../src/base/dtype.js';
import { fromNumbers, type HostTensor, toNumbers, zeros } from '../../src/base/tensor.js';
import type { Attrs } from '../../src/ir/constant.js';
import { completeAttrs, inferTypes } from '../../src/ops/infer.js';
import { declarationOf } from '../../src/ops/table.js';

function evaluate(op: string, inputs: readonly HostTensor[], attrs: Attrs): readonly HostTensor[] {
  const decl = declarationOf(op);
  const full = completeAttrs(decl, attrs);
  return (
    decl.evaluate?.(
      inputs,
      full,
      inferTypes(decl, full, inputs, () => undefined),
    ) ?? []
  );
}
const values = (op: string, inputs: readonly HostTensor[], attrs: Attrs) =>
  evaluate(op, inputs, attrs).map((t) => [...toNumbers(t)]);
const row = (dtype: DType, ...x: number[]) => fromNumbers(dtype, [x.length], x);

describe('NaN', () => {
  const x = row('f32', 1, NaN, 3, NaN);
  it('is found by both searches', () => {
    expect(values('argmax', [x], { axis: 0, keep: false })).toEqual([[1]]);
    expect(values('argmin', [x], { axis: 0, keep: false, last: true })).toEqual([[3]]);
  });
  it('is the largest of all', () => {
    expect(values('topk', [x], { axis: 0, k: 3 })[1]).toEqual([1, 3, 2]);
    expect(values('topk', [x], { axis: 0, k: 3, largest: false })[1]).toEqual([0, 2, 1]);
  });
  it('goes through pooling and softmax', () => {
    const window = { kernel: [2], strides: [2], low: [0], high: [0], dilations: [1] };
    expect(values('max_pool', [{ ...x, shape: [1, 1, 4] }], window)).toEqual([[NaN, NaN]]);
    expect(values('softmax', [x], { axis: 0 })).toEqual([[NaN, NaN, NaN, NaN]]);
  });
});

it('the last of several updates stays', () => {
  const attrs = { axis: 0, reduction: 'none' };
  const operands = [row('i32', 0, 0), row('i64', 1, 1, 1), row('i32', 5, 6, 7)];
  expect(values('scatter_elements', operands, attrs)).toEqual([[0, 7]]);
});

it('integers wrap', () => {
  expect(values('cumsum', [row('i8', 100, 100, 100)], { axis: 0 })).toEqual([[100, -56, 44]]);
  expect(values('cumprod', [row('i32', 65536, 65536, 1)], { axis: 0 })).toEqual([[65536, 0, 0]]);
  const operands = [row('u8', 250), row('i64', 0, 0), row('u8', 3, 4)];
  expect(values('scatter_elements', operands, { axis: 0, reduction: 'add' })).toEqual([[1]]);
});

it('a row that sees no key is NaN, the others are not', () => {
  const one = fromNumbers('f32', [1, 1, 2, 1], [1, 1]);
  const mask = fromNumbers('f32', [2, 2], [-Infinity, -Infinity, 0, -Infinity]);
  expect(values('attention', [one, one, one, mask], { scale: 1, mask: true })).toEqual([[NaN, 1]]);
});

describe('empty tensors', () => {
  const sliding = { strides: [1], low: [0], high: [0], dilations: [1] };
  it.each<[string, number[][], Attrs, number[]]>([
    [
      'matmul',
      [
        [2, 0],
        [0, 3],
      ],
      {},
      [2, 3],
    ],
    [
      'matmul',
      [
        [0, 4, 2],
        [2, 3],
      ],
      {},
      [0, 4, 3],
    ],
    [
      'conv',
      [
        [0, 2, 5],
        [3, 2, 3],
      ],
      sliding,
      [0, 3, 3],
    ],
    [
      'conv',
      [
        [1, 0, 5],
        [3, 0, 3],
      ],
      sliding,
      [1, 3, 3],
    ],
    ['softmax', [[2, 0]], { axis: 1 }, [2, 0]],
    ['layer_norm', [[0, 3]], { axis: 1, epsilon: 0 }, [0, 3]],
    ['cumsum', [[0, 3]], { axis: 0 }, [0, 3]],
    [
      'attention',
      [
        [1, 2, 3, 4],
        [1, 2, 0, 4],
        [1, 2, 0, 5],
      ],
      { scale: 1 },
      [1, 2, 3, 5],
    ],
  ])('%s of %j', (op, shapes, attrs, result) => {
    const [t] = evaluate(
      op,
      shapes.map((shape) => zeros('f32', shape)),
      attrs,
    );
    expect(t?.shape).toEqual(result);
    expect([...toNumbers(t as HostTensor)].every((x) => x === 0)).toBe(true);
  });
});

it.each<[string, number]>([
  ['gather', -1],
  ['gather', 3],
  ['gather_elements', 3],
  ['gather_nd', -1],
])("%s with index %i into 3 elements is the input's fault", (op, index) => {
  const at = () =>
    values(op, [row('f32', 1, 2, 3), row('i64', index)], op === 'gather_nd' ? { batch: 0 } : { axis: 0 });
  expect(at).toThrow(NeffcError);
  expect(at).toThrow('E3630');
});
