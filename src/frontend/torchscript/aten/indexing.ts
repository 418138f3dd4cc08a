// Reading and writing by index tensors and masks. Negative indices are moved into range where they may occur; masks are
// allowed where their places are known when compiling, or where a `where` says the same.
import type { DType } from '../../../base/dtype.js';
import { constantOf, type Value } from '../../../ir/graph.js';
import { elementCount } from '../../../ir/type.js';
import { constantNumbers } from '../../../ops/evaluate.js';
import { AssumedType, type Lowering } from '../lower/lowering.js';
import type { TensorItem } from '../lower/tensor-item.js';
import { shapeOf } from '../lower/views.js';
import { axisOf, commonShape } from './axes.js';
import type { Args } from './bind.js';
import type { Family, Handler } from './declare.js';
import { operand } from './promote.js';

/** Integers; an input whose type was assumed turns out to be one. */
export function integersOf(c: Lowering, t: TensorItem): Value {
  if (t.assumed !== undefined && t.dtype === 'f32') throw new AssumedType(t.assumed, 'i64');
  const v = c.value(t);
  return v.type.dtype === 'i64' || v.type.dtype === 'i32' ? v : c.cast(v, 'i64');
}

/** Indices of an axis of `size` elements, none negative. */
export function normalized(c: Lowering, index: Value, size: number): Value {
  const { dtype } = index.type;
  const constant = constantOf(index);
  if (constant !== undefined && constant.recipe.kind !== 'opaque') {
    const numbers = constantNumbers(constant);
    let negative = false;
    for (let i = 0; i < numbers.length && !negative; i++) negative = (numbers[i] ?? 0) < 0;
    if (!negative) return index;
  }
  const below = c.one('lt', [index, c.builder.scalar(dtype, 0)]);
  return c.one('where', [below, c.one('add', [index, c.builder.scalar(dtype, size)]), index]);
}

/** Indices that cannot be negative: token numbers, places found by arg-max and sorting. */
export function embed(c: Lowering, weight: Value, index: Value): Value {
  return c.one('gather', [weight, index], { axis: 0 });
}

/** Places where a mask known when compiling is true, one row of places per axis; undefined for another mask. */
function places(v: Value): number[][] | undefined {
  const constant = constantOf(v);
  if (constant === undefined || constant.recipe.kind === 'opaque') return undefined;
  const shape = shapeOf(v);
  const numbers = constantNumbers(constant);
  const rows: number[][] = shape.map(() => []);
  for (let i = 0; i < numbers.length; i++) {
    if (numbers[i] === 0) continue;
    let rest = i;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const n = shape[axis] ?? 1;
      rows[axis]?.push(rest % n);
      rest = Math.floor(rest / n);
    }
  }
  return rows;
}

/** The index tensors by axis: masks become places. */
function indexTensors(c: Lowering, indices: readonly (TensorItem | undefined)[]): (Value | undefined)[] {
  return indices.flatMap((t): (Value | undefined)[] => {
    if (t === undefined) return [undefined];
    if (t.dtype !== 'bool' && t.dtype !== 'u8') return [integersOf(c, t)];
    const rows = places(c.value(t));
    if (rows === undefined)
      throw c.refuse(
        'E4316',
        'a tensor is indexed by a mask that depends on data: the size of the result is not known when compiling',
        'use torch.where or masked_fill instead',
      );
    return rows.map((row) => c.builder.ints(row));
  });
}

interface Gathered {
  /** Axes that have an index tensor. */
  readonly axes: readonly number[];
  /** [index shape..., axes]: places along the indexed axes. */
  readonly places: Value;
  readonly indexShape: readonly number[];
  /** Where the index axes stand in the result. */
  readonly at: number;
}

function gatherPlan(
  c: Lowering,
  shape: readonly number[],
  indices: readonly (Value | undefined)[],
): Gathered {
  const axes = indices.flatMap((v, i) => (v === undefined ? [] : [i]));
  const values = axes.map((axis) => normalized(c, c.cast(indices[axis] as Value, 'i64'), shape[axis] ?? 1));
  const indexShape = commonShape(c, values.map(shapeOf));
  const columns = values.map((v) => c.reshape(c.broadcast(v, indexShape), [...indexShape, 1]));
  const together = axes.every((axis, i) => i === 0 || axis === (axes[i - 1] ?? 0) + 1);
  return {
    axes,
    places: c.one('concat', columns, { axis: indexShape.length }),
    indexShape,
    at: together ? (axes[0] ?? 0) : 0,
  };
}

/** x[indices]: advanced indexing of numpy. */
export function indexBy(c: Lowering, x: Value, given: readonly (Value | undefined)[]): Value {
  const shape = shapeOf(x);
  const axes = given.flatMap((v, i) => (v === undefined ? [] : [i]));
  const [only] = axes;
  if (only === undefined) return x;
  if (axes.length === 1)
    return c.one('gather', [x, normalized(c, given[only] as Value, shape[only] ?? 1)], { axis: only });
  const plan = gatherPlan(c, shape, given);
  const rest = shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const moved = c.transpose(x, [...axes, ...rest]);
  const picked = c.one('gather_nd', [moved, plan.places], { batch: 0 });
  const n = plan.indexShape.length;
  const before = rest.filter((axis) => axis < plan.at).length;
  if (before === 0) return picked;
  const perm = [
    ...Array.from({ length: before }, (_, i) => n + i),
    ...Array.from({ length: n }, (_, i) => i),
    ...Array.from({ length: rest.length - before }, (_, i) => n + before + i),
  ];
  return c.transpose(picked, perm);
}

/** x with values put at indices; `add` adds them. */
function putAt(
  c: Lowering,
  x: Value,
  indices: readonly (TensorItem | undefined)[],
  values: Value,
  accumulate: boolean,
): Value {
  const [mask, ...others] = indices;
  const dtype = x.type.dtype;
  if (mask?.dtype === 'bool' && others.every((t) => t === undefined) && places(c.value(mask)) === undefined) {
    if (elementCount(shapeOf(values)) !== 1 || accumulate)
      throw c.refuse(
        'E4316',
        'values are put at the places of a mask that depends on data; only a single value can be',
      );
    const rank = shapeOf(x).length;
    const aligned = c.reshape(c.value(mask), [
      ...mask.shape,
      ...new Array<number>(rank - mask.shape.length).fill(1),
    ]);
    return c.one('where', [aligned, c.reshape(c.cast(values, dtype), []), x]);
  }
  const shape = shapeOf(x);
  const given = indexTensors(c, indices);
  const plan = gatherPlan(c, shape, given);
  const rest = shape.map((_, i) => i).filter((i) => !plan.axes.includes(i));
  const order = [...plan.axes, ...rest];
  const moved = c.transpose(x, order);
  const n = plan.indexShape.length;
  const before = rest.filter((axis) => axis < plan.at).length;
  const restShape = rest.map((axis) => shape[axis] ?? 1);
  const resultShape = [...restShape.slice(0, before), ...plan.indexShape, ...restShape.slice(before)];
  const spread = c.broadcast(c.cast(values, dtype), resultShape);
  const updates = c.transpose(spread, [
    ...Array.from({ length: n }, (_, i) => before + i),
    ...Array.from({ length: before }, (_, i) => i),
    ...Array.from({ length: rest.length - before }, (_, i) => before + n + i),
  ]);
  const written = c.one('scatter_nd', [moved, plan.places, updates], {
    reduction: accumulate ? 'add' : 'none',
  });
  return c.transpose(
    written,
    order.map((_, axis) => order.indexOf(axis)),
  );
}

const indexPut: Handler = (c, a) =>
  putAt(
    c,
    c.value(a.tensor('self')),
    a.optionals('indices'),
    c.value(a.tensor('values')),
    a.flag('accumulate'),
  );

/** Index and updates have the tensor's rank; along the other axes only as far as they reach. */
function scatterAlong(
  c: Lowering,
  a: Args,
  reduction: string,
  updates: (index: Value, dtype: DType) => Value,
): Value {
  const t = a.tensor('self');
  const x = c.value(t);
  const axis = axisOf(c, a.number('dim'), t.shape.length);
  const index = normalized(c, integersOf(c, a.tensor('index')), t.shape[axis] ?? 1);
  const values = updates(index, x.type.dtype);
  const shape = shapeOf(index);
  const cut = c.one('slice', [values], {
    starts: shape.map(() => 0),
    sizes: shape,
    steps: shape.map(() => 1),
  });
  if (shape.length === 0) {
    const rank1 = c.one('scatter_elements', [c.reshape(x, [1]), c.reshape(index, [1]), c.reshape(cut, [1])], {
      axis: 0,
      reduction,
    });
    return c.reshape(rank1, []);
  }
  return c.one('scatter_elements', [x, index, cut], { axis, reduction });
}

const scatterFrom =
  (reduction: string): Handler =>
  (c, a) =>
    scatterAlong(c, a, reduction, (_index, dtype) => c.cast(c.value(a.tensor('src')), dtype));

const scatterValue =
  (reduction: string): Handler =>
  (c, a) =>
    scatterAlong(c, a, reduction, (index, dtype) => c.filled(dtype, shapeOf(index), a.scalar('value')));

const REDUCTIONS: Readonly<Record<string, string>> = {
  add: 'add',
  sum: 'add',
  multiply: 'mul',
  prod: 'mul',
  amax: 'max',
  amin: 'min',
};

const scatterReduce: Handler = (c, a) => {
  const reduction = REDUCTIONS[a.text('reduce')];
  if (reduction === undefined)
    throw c.refuse('E4318', `scatter with the reduction '${a.text('reduce')}' is not supported`);
  return scatterFrom(reduction)(c, a);
};

const indexSelect: Handler = (c, a) => {
  const t = a.tensor('self');
  const axis = axisOf(c, a.number('dim'), t.shape.length);
  const index = integersOf(c, a.tensor('index'));
  return c.one('gather', [c.value(t), c.reshape(index, [elementCount(shapeOf(index))])], { axis });
};

/** Rows along an axis written (or added) at index places. */
const indexRows =
  (accumulate: boolean, source: string): Handler =>
  (c, a) => {
    const t = a.tensor('self');
    const axis = axisOf(c, a.number('dim'), t.shape.length);
    const item = a.item(source);
    const rows = item.kind === 'tensor' ? c.value(item) : c.scalarValue(a.scalar(source), t.dtype);
    const indices = t.shape.map((_, i) => (i === axis ? a.tensor('index') : undefined));
    return putAt(c, c.value(t), indices, rows, accumulate);
  };

const gather: Handler = (c, a) => {
  const t = a.tensor('self');
  const axis = axisOf(c, a.number('dim'), t.shape.length);
  const index = normalized(c, integersOf(c, a.tensor('index')), t.shape[axis] ?? 1);
  if (t.shape.length === 0) return c.value(t);
  return c.one('gather_elements', [c.value(t), index], { axis });
};

const embedding: Handler = (c, a) =>
  embed(c, c.value(a.tensor('weight')), integersOf(c, a.tensor('indices')));

/** Bags of embeddings summed or averaged: rows of a matrix of indices, or runs between constant offsets. */
const embeddingBag: Handler = (c, a) => {
  const weight = c.value(a.tensor('weight'));
  const index = integersOf(c, a.tensor('indices'));
  const offsets = constantOf(integersOf(c, a.tensor('offsets')));
  const mode = a.number('mode');
  if (offsets === undefined || offsets.recipe.kind === 'opaque')
    throw c.refuse(
      'E4319',
      'the offsets of embedding_bag depend on data: the sizes of the bags are not known when compiling',
    );
  const starts = Array.from(constantNumbers(offsets));
  if (a.flag('include_last_offset')) starts.pop();
  const total = elementCount(shapeOf(index));
  const rows = embed(c, weight, index);
  const weights = a.optional('per_sample_weights');
  const scaled = weights === undefined ? rows : c.one('mul', [rows, c.reshape(c.value(weights), [total, 1])]);
  const op = mode === 0 ? 'reduce_sum' : mode === 1 ? 'reduce_mean' : 'reduce_max';
  const bags = starts.map((from, i) => {
    const size = (starts[i + 1] ?? total) - from;
    const width = shapeOf(scaled)[1] ?? 1;
    if (size === 0) return c.filled(scaled.type.dtype, [1, width], { kind: 'int', value: 0n });
    const part = c.one('slice', [scaled], { starts: [from, 0], sizes: [size, width], steps: [1, 1] });
    return c.one(op, [part], { axes: [0], keep: true });
  });
  const none = { kind: 'absent', why: 'embedding_bag computes its bags only' } as const;
  return [c.one('concat', bags, { axis: 0 }), none, none, none];
};

const maskedSelect: Handler = (c, a) => {
  const [t, mask] = [a.tensor('self'), a.tensor('mask')];
  return indexBy(c, c.value(t), indexTensors(c, [mask]));
};

/** Places of the elements that are not 0, where they are known. */
function nonzeroRows(c: Lowering, t: TensorItem): number[][] {
  const rows = places(c.value(t));
  if (rows !== undefined) return rows;
  throw c.refuse(
    'E4316',
    'the places of the nonzero elements depend on data: how many there are is not known when compiling',
  );
}

/** The tensor whose lower (or upper) triangle is 0. */
const triangle =
  (upper: boolean): Handler =>
  (c, a) => {
    const t = a.tensor('self');
    const x = c.value(t);
    const [rows = 1, columns = 1] = t.shape.slice(-2);
    const diagonal = a.number('diagonal');
    const row = c.one('iota', [], { shape: [rows, columns], axis: 0, dtype: 'i64' });
    const column = c.one('iota', [], { shape: [rows, columns], axis: 1, dtype: 'i64' });
    const offset = c.one('sub', [column, row]);
    const kept = c.one(upper ? 'ge' : 'le', [offset, c.builder.scalar('i64', diagonal)]);
    return c.one('where', [kept, x, c.builder.scalar(x.type.dtype, 0)]);
  };

const oneHot: Handler = (c, a) => {
  const index = integersOf(c, a.tensor('self'));
  const classes = a.number('num_classes');
  if (classes < 0) throw c.refuse('E4319', 'one_hot without a number of classes depends on data');
  const numbers = c.one('iota', [], { shape: [classes], axis: 0, dtype: index.type.dtype });
  return c.cast(c.one('eq', [c.reshape(index, [...shapeOf(index), 1]), numbers]), 'i64');
};

export const INDEXING: Family = {
  'index(Tensor self, Tensor?[] indices)': (c, a) =>
    indexBy(c, c.value(a.tensor('self')), indexTensors(c, a.optionals('indices'))),
  'index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False)': indexPut,
  '_index_put_impl(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False, bool unsafe=False)':
    indexPut,
  'index_select(Tensor self, int dim, Tensor index)': indexSelect,
  'index_copy(Tensor self, int dim, Tensor index, Tensor source)': indexRows(false, 'source'),
  'index_add(Tensor self, int dim, Tensor index, Tensor source)': indexRows(true, 'source'),
  'index_fill(Tensor self, int dim, Tensor index, Scalar value)': indexRows(false, 'value'),
  'take(Tensor self, Tensor index)': (c, a) => {
    const t = a.tensor('self');
    const index = normalized(c, integersOf(c, a.tensor('index')), elementCount(t.shape));
    return c.one('gather', [c.reshape(c.value(t), [elementCount(t.shape)]), index], { axis: 0 });
  },
  'take_along_dim(Tensor self, Tensor index, int dim)': gather,
  'gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False)': gather,
  'scatter(Tensor self, int dim, Tensor index, Tensor src)': scatterFrom('none'),
  'scatter(Tensor self, int dim, Tensor index, Scalar value)': scatterValue('none'),
  'scatter(Tensor self, int dim, Tensor index, Tensor src, *, str reduce)': scatterReduce,
  'scatter_add(Tensor self, int dim, Tensor index, Tensor src)': scatterFrom('add'),
  'scatter_reduce(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True)':
    scatterReduce,
  'embedding(Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False)':
    embedding,
  'embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int? padding_idx=None)':
    embeddingBag,
  'masked_select(Tensor self, Tensor mask)': maskedSelect,
  'nonzero(Tensor self)': (c, a) => {
    const rows = nonzeroRows(c, a.tensor('self'));
    const columns = rows.map((row) => c.reshape(c.builder.ints(row), [row.length, 1]));
    return columns.length === 0 ? c.builder.ints([]) : c.one('concat', columns, { axis: 1 });
  },
  'nonzero_numpy(Tensor self)': (c, a) => ({
    kind: 'list',
    items: nonzeroRows(c, a.tensor('self')).map((row) => c.fresh(c.builder.ints(row))),
  }),
  'triu(Tensor self, int diagonal=0)': triangle(true),
  'tril(Tensor self, int diagonal=0)': triangle(false),
  'one_hot(Tensor self, int num_classes=-1)': oneHot,
  'select_scatter(Tensor self, Tensor src, int dim, int index)': (c, a) => {
    const t = a.tensor('self');
    const axis = axisOf(c, a.number('dim'), t.shape.length);
    const index = t.shape.map((_, i) =>
      i === axis ? c.fresh(c.builder.ints([a.number('index')])) : undefined,
    );
    const rows = operand(c, a.tensor('src'), t.dtype);
    return putAt(
      c,
      c.value(t),
      index,
      c.reshape(
        rows,
        t.shape.map((n, i) => (i === axis ? 1 : n)),
      ),
      false,
    );
  },
};
