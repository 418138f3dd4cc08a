// Types with symbolic dims, and the reasons where there is none.
import { describe, expect, it } from 'vitest';
import type { DType } from '../../src/base/dtype.js';
import { createRandom } from '../../src/base/random.js';
import type { Attrs } from '../../src/ir/constant.js';
import { addDims, type Dim, evaluateDim, symbol } from '../../src/ir/dim.js';
import { formatType, type TensorType, tensorType } from '../../src/ir/type.js';
import { completeAttrs, inferTypes, schemaProblems } from '../../src/ops/infer.js';
import { declarationOf, OPERATORS } from '../../src/ops/table.js';

const [N, T, W] = ['N', 'T', 'W'].map(symbol) as [Dim, Dim, Dim];
const f32 = (...shape: Dim[]) => tensorType('f32', shape);
const i64 = (...shape: Dim[]) => tensorType('i64', shape);
const of = (dtype: DType, ...shape: Dim[]) => tensorType(dtype, shape);

function infer(op: string, inputs: readonly TensorType[], attrs: Attrs): string {
  const decl = declarationOf(op);
  const full = completeAttrs(decl, attrs);
  expect(schemaProblems(decl, full, inputs.length, 0)).toEqual([]);
  return inferTypes(decl, full, inputs, () => undefined)
    .map(formatType)
    .join(' ');
}

const square = { strides: [2, 2], low: [1, 1], high: [1, 1], dilations: [1, 1] };
const pool = { ...square, kernel: [3, 3] };
const line = { strides: [1], low: [0], high: [0], dilations: [1] };

describe('symbolic dims', () => {
  it.each<[string, TensorType[], Attrs, string]>([
    ['matmul', [f32(N, T, 8), f32(8, 4)], {}, 'f32[N,T,4]'],
    ['matmul', [f32(N, 1, T, 8), f32(12, 8, T)], {}, 'f32[N,12,T,T]'],
    ['matmul', [f32(3, W), f32(8, 4)], {}, 'f32[3,4]'],
    ['matmul', [of('bf16', 2, 8), of('bf16', 8, 4)], { out: 'f32' }, 'f32[2,4]'],
    ['matmul', [of('u8', 2, 8), of('i8', 8, 4)], {}, 'i32[2,4]'],
    ['conv', [f32(N, 3, 32, W), f32(16, 3, 3, 3)], square, 'f32[N,16,16,floor((W-1)/2)+1]'],
    [
      'conv_transpose',
      [f32(N, 8, T), f32(8, 4, 3)],
      { ...line, strides: [2], output_padding: [1] },
      'f32[N,4,2*T+2]',
    ],
    ['max_pool', [f32(N, 3, 32, W)], { ...pool, strides: [2, 1] }, 'f32[N,3,16,W]'],
    ['layer_norm', [f32(N, T, 8), f32(8)], { axis: 2, epsilon: 0, scale: true }, 'f32[N,T,8]'],
    [
      'attention',
      [f32(N, 4, T, 8), f32(N, 4, W, 8), f32(N, 4, W, 8), f32(T, W)],
      { scale: 1, mask: true },
      'f32[N,4,T,8]',
    ],
    ['gather', [f32(N, T, 8), i64(W)], { axis: 1 }, 'f32[N,W,8]'],
    ['gather_nd', [f32(N, T, 8), i64(N, W, 1)], { batch: 1 }, 'f32[N,W,8]'],
    ['scatter_nd', [f32(N, T, 8), i64(W, 1), f32(W, T, 8)], {}, 'f32[N,T,8]'],
    ['dynamic_slice', [f32(N, T), i64(2)], { sizes: [-1, 3] }, 'f32[N,3]'],
    ['argmax', [f32(N, T, 8)], { axis: 2, keep: false }, 'i64[N,T]'],
    ['topk', [f32(N, T)], { axis: 1, k: 5 }, 'f32[N,5] i64[N,5]'],
  ])('%s %j %j', (op, inputs, attrs, want) => {
    expect(infer(op, inputs, attrs)).toBe(want);
  });
});

it('conv under a binding of its symbols agrees with conv of integers', () => {
  const random = createRandom(3);
  for (let round = 0; round < 200; round++) {
    const [stride, kernel, dilation] = [1, 2, 3].map(() => random.integer(1, 4)) as [number, number, number];
    const width = random.integer(13, 40);
    const attrs = {
      strides: [stride],
      low: [random.integer(0, 3)],
      high: [random.integer(0, 3)],
      dilations: [dilation],
    };
    const decl = declarationOf('conv');
    const dim = (d: Dim) =>
      inferTypes(decl, completeAttrs(decl, attrs), [f32(1, 1, d), f32(1, 1, kernel)], () => undefined)[0]
        ?.shape[2] as Dim;
    expect(evaluateDim(dim(W), new Map([['W', width]]))).toBe(dim(width));
  }
});

describe('reasons', () => {
  it.each<[string, TensorType[], Attrs, string]>([
    ['matmul', [f32(3), f32(3, 4)], {}, 'operand a has shape [3]; a matrix has at least two axes'],
    ['matmul', [f32(2, 3), f32(4, 5)], {}, 'the matrices of [2,3] x [4,5] do not chain'],
    ['matmul', [f32(2, addDims(T, 1)), f32(T, 5)], {}, 'the matrices of [2,T+1] x [T,5] do not chain'],
    [
      'matmul',
      [f32(2, 2, 3), f32(3, 3, 5)],
      {},
      'the axes before the matrices of [2,2,3] x [3,3,5] do not broadcast',
    ],
    ['matmul', [f32(2, 3), of('f16', 3, 4)], {}, 'operands of types f32 and f16 cannot be multiplied'],
    [
      'matmul',
      [of('bool', 2, 3), of('bool', 3, 4)],
      {},
      'operands of type bool are neither floats nor 8-bit integers',
    ],
    ['matmul', [f32(2, 3), f32(3, 4), f32(3)], { bias: true }, 'the bias has shape [3], not [4]'],
    ['matmul', [of('i8', 2, 3), of('i8', 3, 4)], { act: 'gelu' }, 'gelu of i32 is not defined'],
    [
      'matmul',
      [of('f64', 2, 3), of('f64', 3, 4)],
      { out: 'f32' },
      'the result of f64 operands cannot be f32',
    ],
    [
      'conv',
      [f32(1, 3, 8, 8), f32(4, 2, 3, 3)],
      square,
      'x has 3 channels, the filters take 2 in each of 1 groups',
    ],
    [
      'conv',
      [f32(1, 4, 8, 8), f32(3, 2, 3, 3)],
      { ...square, groups: 2 },
      '3 filters do not divide into 2 groups',
    ],
    [
      'conv',
      [f32(1, 4, 2, 8), f32(3, 4, 5, 3)],
      square,
      'on spatial axis 0 the window of 5 elements is larger than the padded input of 4',
    ],
    [
      'conv',
      [f32(1, 4, 8, 8), f32(3, 4, 3, 3)],
      line,
      "attribute 'strides' has 1 entries for 2 spatial axes",
    ],
    [
      'conv',
      [f32(1, 4, 8), f32(3, 4, 3)],
      { ...line, strides: [0] },
      "attribute 'strides' has the entry 0; the least is 1",
    ],
    [
      'conv',
      [f32(1, 4), f32(3, 4)],
      line,
      'operand x has shape [1,4]; there must be batch, channels and one to three spatial axes',
    ],
    ['avg_pool', [of('i8', 1, 4, 8, 8)], pool, 'an average of i8 is not defined'],
    [
      'avg_pool',
      [f32(1, 4, 8, 8)],
      { ...pool, uncounted: [2, 0] },
      "attribute 'uncounted' is more than 'high'",
    ],
    [
      'layer_norm',
      [f32(2, 8), f32(2)],
      { axis: 1, epsilon: 0, scale: true },
      'a scale or bias has shape [2]; the normalised axes have [8]',
    ],
    ['softmax', [f32(2, 8)], { axis: -1 }, 'axis -1 is not one of the 2 axes of the operand'],
    [
      'attention',
      [f32(1, 2, 3, 4), f32(1, 2, 5, 4), f32(1, 2, 6, 4)],
      { scale: 1 },
      'the operands disagree on the number of keys: 5 and 6',
    ],
    ['gather', [f32(2, 8), f32(3)], { axis: 0 }, 'indices of type f32 are neither i64 nor i32'],
    [
      'gather_nd',
      [f32(2, 8), i64(3, 3)],
      { batch: 0 },
      'tuples of 3 indices after 0 batch axes are too long for x [2,8]',
    ],
    ['scatter_nd', [f32(2, 8), i64(3, 1), f32(3, 7)], {}, 'the updates have shape [3,7], not [3,8]'],
    [
      'scatter_elements',
      [of('bool', 2), i64(1), of('bool', 1)],
      { axis: 0, reduction: 'add' },
      "reduction 'add' of bool is not defined",
    ],
    [
      'dynamic_slice',
      [f32(2, 8), i64(2)],
      { sizes: [3, 1] },
      'a part of 3 elements is not possible on axis 0, which has 2',
    ],
    ['argmax', [f32(2, 0)], { axis: 1, keep: true }, 'axis 1 has no elements to choose from'],
    ['topk', [f32(2, 4)], { axis: 1, k: 5 }, 'there are no 5 elements on axis 1, which has 4'],
  ])('%s %j %j', (op, inputs, attrs, reason) => {
    expect(() => infer(op, inputs, attrs)).toThrow(reason);
  });
});

it('every operator without regions has an evaluator and a sample', () => {
  const bare = [...OPERATORS.values()].filter((d) => d.regions === undefined && !(d.evaluate && d.sample));
  expect(bare.map((d) => d.name)).toEqual([]);
});
