// Reductions over axes, extrema with their places, running sums, sorting. Booleans and integers add up as i64.
import { isFloat } from '../../../base/dtype.js';
import type { Value } from '../../../ir/graph.js';
import { elementCount } from '../../../ir/type.js';
import { int } from '../lower/items.js';
import type { Lowering } from '../lower/lowering.js';
import { shapeOf } from '../lower/views.js';
import { axesOf, axisOf } from './axes.js';
import type { Args } from './bind.js';
import type { Family, Handler, Yield } from './declare.js';
import { floatType } from './promote.js';

type Reduce = 'reduce_sum' | 'reduce_mean' | 'reduce_max' | 'reduce_min' | 'reduce_prod';

function reduce(c: Lowering, op: Reduce, x: Value, axes: readonly number[], keep: boolean): Value {
  return axes.length === 0 ? x : c.one(op, [x], { axes, keep });
}

/** The axes named by `dim`: a list, one axis, None or absent for all. */
function axesArg(c: Lowering, a: Args, rank: number, name = 'dim'): number[] {
  const item = a.item(name);
  return axesOf(c, item.kind === 'none' ? undefined : a.ints(name), rank);
}

/** Sums and products: integers widen to i64. */
const total =
  (op: 'reduce_sum' | 'reduce_prod', partial: boolean): Handler =>
  (c, a) => {
    const t = a.tensor('self');
    const own = isFloat(t.dtype) ? t.dtype : 'i64';
    const x = c.cast(c.value(t), a.dtype('dtype') ?? own);
    const axes = partial ? axesArg(c, a, t.shape.length) : axesOf(c, undefined, t.shape.length);
    return reduce(c, op, x, axes, partial && a.flag('keepdim'));
  };

const mean =
  (partial: boolean): Handler =>
  (c, a) => {
    const t = a.tensor('self');
    const x = c.cast(c.value(t), a.dtype('dtype') ?? floatType(t.dtype));
    const axes = partial ? axesArg(c, a, t.shape.length) : axesOf(c, undefined, t.shape.length);
    return reduce(c, 'reduce_mean', x, axes, partial && a.flag('keepdim'));
  };

const logical =
  (op: 'reduce_max' | 'reduce_min', partial: boolean): Handler =>
  (c, a) => {
    const t = a.tensor('self');
    const axes = partial ? axesArg(c, a, t.shape.length) : axesOf(c, undefined, t.shape.length);
    return reduce(c, op, c.cast(c.value(t), 'bool'), axes, partial && a.flag('keepdim'));
  };

const extremum =
  (op: 'reduce_max' | 'reduce_min', partial: boolean): Handler =>
  (c, a) => {
    const t = a.tensor('self');
    const axes = partial ? axesArg(c, a, t.shape.length) : axesOf(c, undefined, t.shape.length);
    return reduce(c, op, c.value(t), axes, partial && a.flag('keepdim'));
  };

/** The extremum along an axis, and its place (the first one). */
const extremumWithPlace =
  (kind: 'max' | 'min'): Handler =>
  (c, a) => {
    const t = a.tensor('self');
    const axis = axisOf(c, a.number('dim'), t.shape.length);
    const x = c.value(t);
    if (t.shape.length === 0) return [x, c.builder.scalar('i64', 0)];
    const keep = a.flag('keepdim');
    const place = c.one(`arg${kind}`, [x], { axis, keep, last: false });
    return [c.one(`reduce_${kind}`, [x], { axes: [axis], keep }), place];
  };

const place =
  (op: 'argmax' | 'argmin'): Handler =>
  (c, a) => {
    const t = a.tensor('self');
    const x = c.value(t);
    if (t.shape.length === 0) return c.builder.scalar('i64', 0);
    const dim = a.numberOr('dim');
    if (dim === undefined) {
      const flat = c.one(op, [c.reshape(x, [elementCount(t.shape)])], { axis: 0, keep: false, last: false });
      return a.flag('keepdim')
        ? c.reshape(
            flat,
            t.shape.map(() => 1),
          )
        : flat;
    }
    return c.one(op, [x], { axis: axisOf(c, dim, t.shape.length), keep: a.flag('keepdim'), last: false });
  };

/** Variance by centred squares; `correction` is taken off the count. */
function variance(c: Lowering, x: Value, axes: readonly number[], correction: number, keep: boolean): Value {
  const count = elementCount(axes.map((axis) => shapeOf(x)[axis] ?? 1));
  const centred = c.one('sub', [x, reduce(c, 'reduce_mean', x, axes, true)]);
  const sum = reduce(c, 'reduce_sum', c.one('mul', [centred, centred]), axes, keep);
  return c.one('mul', [sum, c.constantF(x.type.dtype, 1 / Math.max(0, count - correction))]);
}

type Spread = (c: Lowering, v: Value, m: Value) => Yield;

/** Forms of var and std: the finish says which of variance, deviation and mean is wanted. */
function spreads(name: string, finish: Spread): Family {
  const of = (c: Lowering, a: Args, axes: readonly number[], correction: number, keep: boolean): Yield => {
    const t = a.tensor('self');
    const x = c.cast(c.value(t), floatType(t.dtype));
    return finish(c, variance(c, x, axes, correction, keep), reduce(c, 'reduce_mean', x, axes, keep));
  };
  const rank = (a: Args): number => a.tensor('self').shape.length;
  return {
    [`${name}(Tensor self, bool unbiased=True)`]: (c, a) =>
      of(c, a, axesOf(c, undefined, rank(a)), Number(a.flag('unbiased')), false),
    [`${name}(Tensor self, int[]? dim, bool unbiased=True, bool keepdim=False)`]: (c, a) =>
      of(c, a, axesArg(c, a, rank(a)), Number(a.flag('unbiased')), a.flag('keepdim')),
    [`${name}(Tensor self, int[]? dim=None, *, Scalar? correction=None, bool keepdim=False)`]: (c, a) =>
      of(c, a, axesArg(c, a, rank(a)), a.numberOr('correction') ?? 1, a.flag('keepdim')),
  };
}

const root = (c: Lowering, v: Value): Value => c.one('sqrt', [v]);

/** The p-norm over axes. */
function norm(c: Lowering, x: Value, p: number, axes: readonly number[], keep: boolean): Value {
  const size = c.one('abs', [x]);
  if (p === 2) return root(c, reduce(c, 'reduce_sum', c.one('mul', [x, x]), axes, keep));
  if (p === 1) return reduce(c, 'reduce_sum', size, axes, keep);
  if (p === Number.POSITIVE_INFINITY) return reduce(c, 'reduce_max', size, axes, keep);
  if (p === Number.NEGATIVE_INFINITY) return reduce(c, 'reduce_min', size, axes, keep);
  if (p === 0) {
    const nonzero = c.cast(c.one('ne', [x, c.constantF(x.type.dtype, 0)]), x.type.dtype);
    return reduce(c, 'reduce_sum', nonzero, axes, keep);
  }
  const powers = c.one('pow', [size, c.constantF(x.type.dtype, p)]);
  return c.one('pow', [reduce(c, 'reduce_sum', powers, axes, keep), c.constantF(x.type.dtype, 1 / p)]);
}

const normOf =
  (order: string, partial: boolean): Handler =>
  (c, a) => {
    const t = a.tensor('self');
    const x = c.cast(c.value(t), floatType(t.dtype));
    const axes = partial ? axesArg(c, a, t.shape.length) : axesOf(c, undefined, t.shape.length);
    return norm(c, x, a.numberOr(order) ?? 2, axes, partial && a.flag('keepdim'));
  };

const running =
  (op: 'cumsum' | 'cumprod'): Handler =>
  (c, a) => {
    const t = a.tensor('self');
    const x = c.cast(c.value(t), a.dtype('dtype') ?? (isFloat(t.dtype) ? t.dtype : 'i64'));
    if (t.shape.length === 0) return x;
    const axis = axisOf(c, a.number('dim'), t.shape.length);
    return c.one(op, [x], { axis, exclusive: false, reverse: false });
  };

function topk(
  c: Lowering,
  a: Args,
  k: number | undefined,
  largest: boolean,
  sorted: boolean,
): readonly Value[] {
  const t = a.tensor('self');
  const x = c.value(t);
  if (t.shape.length === 0) return [x, c.builder.scalar('i64', 0)];
  const axis = axisOf(c, a.number('dim'), t.shape.length);
  return c.node('topk', [x], { k: k ?? t.shape[axis] ?? 0, axis, largest, sorted });
}

const sort: Handler = (c, a) => topk(c, a, undefined, a.flag('descending'), true);

function logSumExp(c: Lowering, a: Args): Value {
  const t = a.tensor('self');
  const x = c.cast(c.value(t), floatType(t.dtype));
  const axes = axesArg(c, a, t.shape.length);
  const greatest = reduce(c, 'reduce_max', x, axes, true);
  const sum = reduce(c, 'reduce_sum', c.one('exp', [c.one('sub', [x, greatest])]), axes, true);
  const result = c.one('add', [c.one('log', [sum]), greatest]);
  return a.flag('keepdim')
    ? result
    : c.reshape(
        result,
        t.shape.filter((_, i) => !axes.includes(i)),
      );
}

export const REDUCTIONS: Family = {
  'sum(Tensor self, *, ScalarType? dtype=None)': total('reduce_sum', false),
  'sum(Tensor self, int[]? dim, bool keepdim=False, *, ScalarType? dtype=None)': total('reduce_sum', true),
  'nansum(Tensor self, int[]? dim=None, bool keepdim=False, *, ScalarType? dtype=None)': total(
    'reduce_sum',
    true,
  ),
  'prod(Tensor self, *, ScalarType? dtype=None)': total('reduce_prod', false),
  'prod(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None)': total('reduce_prod', true),
  'mean(Tensor self, *, ScalarType? dtype=None)': mean(false),
  'mean(Tensor self, int[]? dim, bool keepdim=False, *, ScalarType? dtype=None)': mean(true),
  'any(Tensor self)': logical('reduce_max', false),
  'any(Tensor self, int dim, bool keepdim=False)': logical('reduce_max', true),
  'any(Tensor self, int[]? dim, bool keepdim=False)': logical('reduce_max', true),
  'all(Tensor self)': logical('reduce_min', false),
  'all(Tensor self, int dim, bool keepdim=False)': logical('reduce_min', true),
  'all(Tensor self, int[]? dim, bool keepdim=False)': logical('reduce_min', true),
  'max(Tensor self)': extremum('reduce_max', false),
  'min(Tensor self)': extremum('reduce_min', false),
  'amax(Tensor self, int[] dim=[], bool keepdim=False)': extremum('reduce_max', true),
  'amin(Tensor self, int[] dim=[], bool keepdim=False)': extremum('reduce_min', true),
  'max(Tensor self, int dim, bool keepdim=False)': extremumWithPlace('max'),
  'min(Tensor self, int dim, bool keepdim=False)': extremumWithPlace('min'),
  'aminmax(Tensor self, *, int? dim=None, bool keepdim=False)': (c, a) => {
    const t = a.tensor('self');
    const axes = axesArg(c, a, t.shape.length);
    const x = c.value(t);
    return [
      reduce(c, 'reduce_min', x, axes, a.flag('keepdim')),
      reduce(c, 'reduce_max', x, axes, a.flag('keepdim')),
    ];
  },
  'argmax(Tensor self, int? dim=None, bool keepdim=False)': place('argmax'),
  'argmin(Tensor self, int? dim=None, bool keepdim=False)': place('argmin'),
  ...spreads('var', (_c, v) => v),
  ...spreads('std', (c, v) => root(c, v)),
  ...spreads('var_mean', (_c, v, m) => [v, m]),
  ...spreads('std_mean', (c, v, m) => [root(c, v), m]),
  'norm(Tensor self, Scalar p=2)': normOf('p', false),
  'norm(Tensor self, Scalar? p, int[] dim, bool keepdim=False)': normOf('p', true),
  'norm(Tensor self, Scalar? p, int[] dim, bool keepdim, *, ScalarType dtype)': normOf('p', true),
  'frobenius_norm(Tensor self, int[] dim, bool keepdim=False)': (c, a) => {
    const t = a.tensor('self');
    return norm(c, c.value(t), 2, axesArg(c, a, t.shape.length), a.flag('keepdim'));
  },
  'linalg_vector_norm(Tensor self, Scalar ord=2, int[]? dim=None, bool keepdim=False, *, ScalarType? dtype=None)':
    normOf('ord', true),
  'linalg_norm(Tensor self, Scalar? ord=None, int[]? dim=None, bool keepdim=False, *, ScalarType? dtype=None)':
    normOf('ord', true),
  'cumsum(Tensor self, int dim, *, ScalarType? dtype=None)': running('cumsum'),
  'cumprod(Tensor self, int dim, *, ScalarType? dtype=None)': running('cumprod'),
  'topk(Tensor self, int k, int dim=-1, bool largest=True, bool sorted=True)': (c, a) =>
    topk(c, a, a.number('k'), a.flag('largest'), a.flag('sorted')),
  'sort(Tensor self, int dim=-1, bool descending=False)': sort,
  'sort(Tensor self, *, bool? stable, int dim=-1, bool descending=False)': sort,
  'argsort(Tensor self, int dim=-1, bool descending=False)': (c, a) => sortPlaces(c, a),
  'argsort(Tensor self, *, bool stable, int dim=-1, bool descending=False)': (c, a) => sortPlaces(c, a),
  'median(Tensor self, int dim, bool keepdim=False)': (c, a) => median(c, a),
  'logsumexp(Tensor self, int[] dim, bool keepdim=False)': logSumExp,
  'count_nonzero(Tensor self, int? dim=None)': (c, a) => {
    const t = a.tensor('self');
    const nonzero = c.cast(c.cast(c.value(t), 'bool'), 'i64');
    return reduce(c, 'reduce_sum', nonzero, axesArg(c, a, t.shape.length), false);
  },
  'numel(Tensor self)': (_c, a) => int(elementCount(a.tensor('self').shape)),
};

function sortPlaces(c: Lowering, a: Args): Value {
  return topk(c, a, undefined, a.flag('descending'), true)[1] as Value;
}

/** The lower one of two middle elements, and its place. */
function median(c: Lowering, a: Args): readonly Value[] {
  const t = a.tensor('self');
  const axis = axisOf(c, a.number('dim'), t.shape.length);
  const middle = Math.floor(((t.shape[axis] ?? 1) - 1) / 2);
  return topk(c, a, undefined, false, true).map((v) => {
    const shape = shapeOf(v);
    const one = c.one('slice', [v], {
      starts: shape.map((_, i) => (i === axis ? middle : 0)),
      sizes: shape.map((n, i) => (i === axis ? 1 : n)),
      steps: shape.map(() => 1),
    });
    return a.flag('keepdim')
      ? one
      : c.reshape(
          one,
          shape.filter((_, i) => i !== axis),
        );
  });
}
