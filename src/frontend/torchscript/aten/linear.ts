// Products of matrices. Operands of rank 1 are raised for the product and lowered again, as numpy's matmul does; weights
// stay as they are stored, transposed by an operator that later layout decisions can absorb.
import { DTYPES, isFloat } from '../../../base/dtype.js';
import type { Value } from '../../../ir/graph.js';
import type { Lowering, ScalarArg } from '../lower/lowering.js';
import { shapeOf } from '../lower/views.js';
import { axisOf } from './axes.js';
import type { Args } from './bind.js';
import type { Family, Handler } from './declare.js';
import { einsum } from './einsum.js';
import { rolled } from './rearrange.js';

const lastTwoSwapped = (rank: number): number[] =>
  Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : i === rank - 2 ? rank - 1 : rank - 2));

/** The last two axes exchanged. */
export function swapped(c: Lowering, x: Value): Value {
  return c.transpose(x, lastTwoSwapped(shapeOf(x).length));
}

/** Product of matrices; of integers by way of f64 where that is exact. */
export function matmul(c: Lowering, a: Value, b: Value): Value {
  const { dtype } = a.type;
  if (isFloat(dtype) || b.type.dtype !== dtype) return raised(c, a, b);
  const wide = DTYPES[dtype].bits <= 16 ? 'f32' : 'f64';
  return c.cast(raised(c, c.cast(a, wide), c.cast(b, wide)), dtype);
}

function raised(c: Lowering, a: Value, b: Value): Value {
  const [p, q] = [shapeOf(a), shapeOf(b)];
  const left = p.length === 1 ? c.reshape(a, [1, ...p]) : a;
  const right = q.length === 1 ? c.reshape(b, [...q, 1]) : b;
  const product = c.one('matmul', [left, right]);
  const shape = [...shapeOf(product)];
  if (p.length > 1 && q.length > 1) return product;
  if (q.length === 1) shape.pop();
  if (p.length === 1) shape.splice(q.length === 1 ? shape.length - 1 : shape.length - 2, 1);
  return c.reshape(product, shape);
}

/** x W^T + b for W [out, in]. */
export function linear(c: Lowering, x: Value, weight: Value, bias: Value | undefined): Value {
  if (shapeOf(weight).length === 1) {
    const product = raised(c, x, weight);
    return bias === undefined ? product : c.one('add', [product, bias]);
  }
  const right = c.transpose(weight, [1, 0]);
  const rank1 = shapeOf(x).length === 1;
  const left = rank1 ? c.reshape(x, [1, ...shapeOf(x)]) : x;
  const vector = bias !== undefined && shapeOf(bias).length === 1;
  const product = vector
    ? c.one('matmul', [left, right, bias], { bias: true })
    : c.one('matmul', [left, right]);
  const sum = bias !== undefined && !vector ? c.one('add', [product, bias]) : product;
  return rank1 ? c.reshape(sum, shapeOf(sum).slice(1)) : sum;
}

const times = (c: Lowering, x: Value, s: ScalarArg): Value =>
  s.kind !== 'dynamic' && Number(s.value) === 1 ? x : c.one('mul', [x, c.scalarValue(s, x.type.dtype)]);

/** beta * self + alpha * (x y); beta 0 ignores self, as PyTorch does. */
const addProduct =
  (first: string, second: string): Handler =>
  (c, a) => {
    const [x, y] = [c.value(a.tensor(first)), c.value(a.tensor(second))];
    const self = c.value(a.tensor('self'));
    const [alpha, beta] = [a.scalar('alpha'), a.scalar('beta')];
    const unscaled = [alpha, beta].every((s) => s.kind !== 'dynamic' && Number(s.value) === 1);
    const vector = shapeOf(self).length === 1 && shapeOf(self)[0] === shapeOf(y).at(-1);
    if (unscaled && vector && shapeOf(x).length === 2 && shapeOf(y).length === 2 && isFloat(x.type.dtype))
      return c.one('matmul', [x, y, self], { bias: true });
    const product = times(c, matmul(c, x, y), alpha);
    if (beta.kind !== 'dynamic' && Number(beta.value) === 0) return product;
    return c.one('add', [times(c, self, beta), product]);
  };

const product = (c: Lowering, a: Args, x: string, y: string): Value =>
  matmul(c, c.value(a.tensor(x)), c.value(a.tensor(y)));

/** Product of vectors of three along an axis: the first of that size where none is named. */
function cross(c: Lowering, a: Args, fallback: (shape: readonly number[]) => number): Value {
  const [x, y] = [c.value(a.tensor('self')), c.value(a.tensor('other'))];
  const shape = shapeOf(x);
  const axis = axisOf(c, a.numberOr('dim') ?? fallback(shape), shape.length);
  const part = (p: number, q: number): Value => c.one('mul', [rolled(c, x, axis, p), rolled(c, y, axis, q)]);
  return c.one('sub', [part(-1, -2), part(-2, -1)]);
}

/** The sum of products over pairs of axes; the others stand in order, those of the first operand before. */
const tensorDot: Handler = (c, a) => {
  const operands = [a.tensor('self'), a.tensor('other')] as const;
  const pairs = [a.ints('dims_self'), a.ints('dims_other')].map((dims, i) =>
    dims.map((d) => axisOf(c, d, operands[i as 0 | 1].shape.length)),
  );
  const names = operands.map(({ shape }, i) =>
    shape.map((_, axis) => {
      const pair = (pairs[i] as number[]).indexOf(axis);
      return pair >= 0
        ? LETTERS[pair]
        : LETTERS[operands[0].shape.length + i * operands[0].shape.length + axis];
    }),
  );
  const summed = new Set(LETTERS.slice(0, pairs[0]?.length));
  const kept = names.flat().filter((name) => !summed.has(name ?? ''));
  const text = names.map((n) => n.join('')).join(',');
  return einsum(
    c,
    `${text}->${kept.join('')}`,
    operands.map((t) => c.value(t)),
  );
};

const LETTERS = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'];

export const LINEAR: Family = {
  'tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other)': tensorDot,
  'cross(Tensor self, Tensor other, int? dim=None)': (c, a) => cross(c, a, (shape) => shape.indexOf(3)),
  'linalg_cross(Tensor self, Tensor other, *, int dim=-1)': (c, a) => cross(c, a, () => -1),
  'linear(Tensor input, Tensor weight, Tensor? bias=None)': (c, a) => {
    const bias = a.optional('bias');
    return linear(c, c.value(a.tensor('input')), c.value(a.tensor('weight')), bias && c.value(bias));
  },
  'matmul(Tensor self, Tensor other)': (c, a) => product(c, a, 'self', 'other'),
  '__matmul__(Tensor self, Tensor other)': (c, a) => product(c, a, 'self', 'other'),
  'mm(Tensor self, Tensor mat2)': (c, a) => product(c, a, 'self', 'mat2'),
  'bmm(Tensor self, Tensor mat2)': (c, a) => product(c, a, 'self', 'mat2'),
  'mv(Tensor self, Tensor vec)': (c, a) => product(c, a, 'self', 'vec'),
  'dot(Tensor self, Tensor tensor)': (c, a) => product(c, a, 'self', 'tensor'),
  'outer(Tensor self, Tensor vec2)': (c, a) => {
    const [x, y] = [c.value(a.tensor('self')), c.value(a.tensor('vec2'))];
    return c.one('mul', [c.reshape(x, [...shapeOf(x), 1]), y]);
  },
  'addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1)': addProduct(
    'mat1',
    'mat2',
  ),
  'addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1)': addProduct('mat', 'vec'),
  'baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1)': addProduct(
    'batch1',
    'batch2',
  ),
  'addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1)': (c, a) => {
    const sum = c.one('reduce_sum', [product(c, a, 'batch1', 'batch2')], { axes: [0], keep: false });
    return c.one('add', [
      times(c, c.value(a.tensor('self')), a.scalar('beta')),
      times(c, sum, a.scalar('alpha')),
    ]);
  },
  'bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None)': (c, a) => {
    const bias = a.optional('bias');
    const [x, y, w] = ['input1', 'input2', 'weight'].map((n) => c.value(a.tensor(n))) as [
      Value,
      Value,
      Value,
    ];
    const out = einsum(c, '...i,oij,...j->...o', [x, w, y]);
    return bias === undefined ? out : c.one('add', [out, c.value(bias)]);
  },
  'einsum(str equation, Tensor[] tensors, *, int[]? path=None)': (c, a) =>
    einsum(
      c,
      a.text('equation'),
      a.tensors('tensors').map((t) => c.value(t)),
    ),
};
