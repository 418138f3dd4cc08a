// Operators of ai.onnx that read or write at indices: gather and scatter in their forms, one-hot, reversal of sequences.
// Indices that may count from the end become plain ones. Those whose result's shape depends on values (NonZero, Compress,
// Unique) are computed at import, over constants only.
import { elementCount, type HostTensor } from '../../../base/tensor.js';
import type { Value } from '../../../ir/graph.js';
import { rowMajorStrides } from '../../../ir/type.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';
import type { Item } from '../items.js';

const gather: Handler = (c) => {
  const x = c.input(0);
  const axis = c.axisAttribute(x, 0);
  return c.gather(x, indexInto(c, c.input(1), x, axis), axis);
};

/** Indices into an axis whose dim may be symbolic: then none may count from the end. */
function indexInto(c: NodeContext, index: Value, x: Value, axis: number): Value {
  if (c.known(index)?.every((i) => i >= 0)) return index;
  return c.wrapIndex(index, c.dim(x, axis));
}

const gatherElements: Handler = (c) => {
  const x = c.input(0);
  const axis = c.axisAttribute(x, 0);
  return c.op('gather_elements', [x, indexInto(c, c.input(1), x, axis)], { axis });
};

/** Index tuples in the last axis, each entry counted in its own axis of `x`, the first of which is `firstAxis`. */
function wrapTuples(c: NodeContext, index: Value, x: Value, firstAxis: number): Value {
  if (c.known(index)?.every((i) => i >= 0)) return index;
  const count = c.dim(index, c.rank(index) - 1);
  const dims = c.shape(x).slice(firstAxis, firstAxis + count);
  const wrapped = c.add(index, c.numbers(index.type.dtype, [count], dims));
  return c.where(c.op('lt', [index, c.like(index, 0)]), wrapped, index);
}

const gatherND: Handler = (c) => {
  const [x, index] = [c.input(0), c.input(1)];
  const batch = c.attributes.int('batch_dims', 0);
  return c.op('gather_nd', [x, wrapTuples(c, index, x, batch)], { batch });
};

const REDUCTIONS = ['none', 'add', 'mul', 'max', 'min'] as const;

const scatterElements: Handler = (c) => {
  const x = c.input(0);
  const axis = c.axisAttribute(x, 0);
  const reduction = c.attributes.oneOf('reduction', REDUCTIONS, 'none');
  return c.op('scatter_elements', [x, indexInto(c, c.input(1), x, axis), c.input(2)], { axis, reduction });
};

const scatterND: Handler = (c) => {
  const [x, index] = [c.input(0), c.input(1)];
  const reduction = c.attributes.oneOf('reduction', REDUCTIONS, 'none');
  return c.op('scatter_nd', [x, wrapTuples(c, index, x, 0), c.input(2)], { reduction });
};

/** Rows of `update` into the cache from each sample's write index on. */
const tensorScatter: Handler = (c) => {
  const [cache, update] = [c.input(0), c.input(1)];
  const axis = c.axisAttribute(cache, -2);
  const isCircular = c.attributes.oneOf('mode', ['linear', 'circular'], 'linear') === 'circular';
  const [length, shape] = [c.dim(update, axis), c.shape(update)];
  const steps = c.alongAxis(c.iota(length), axis, shape.length);
  const first = c.optional(2);
  const start = first === undefined ? c.scalar('i64', 0) : c.alongAxis(c.cast(first, 'i64'), 0, shape.length);
  const position = c.add(start, steps);
  const index = isCircular ? c.op('mod', [position, c.like(position, c.dim(cache, axis))]) : position;
  return c.op('scatter_elements', [cache, c.broadcast(index, shape), update], { axis, reduction: 'none' });
};

const oneHot: Handler = (c) => {
  const given = c.input(0);
  const depth = c.knownInts(1, 'the depth')?.[0] ?? 0;
  const [off, on] = [c.pick(c.input(2), 0, 0), c.pick(c.input(2), 0, 1)];
  const index = c.cast(given, 'i64');
  const rank = c.rank(index) + 1;
  const axis = c.axis(c.attributes.int('axis', -1), rank);
  const places = c.alongAxis(c.iota(depth), axis, rank);
  const isHere = c.op('eq', [c.unsqueeze(c.wrapIndex(index, depth), [axis]), places]);
  return c.where(isHere, on, off);
};

/** The first `sequence_lens[i]` elements of row i in reverse order, the others as they are. */
const reverseSequence: Handler = (c) => {
  const [x, lengths] = [c.input(0), c.input(1)];
  const rank = c.rank(x);
  const [time, batch] = [c.axisAttribute(x, 0, 'time_axis'), c.axisAttribute(x, 1, 'batch_axis')];
  const steps = c.alongAxis(c.iota(c.dim(x, time)), time, rank);
  const length = c.alongAxis(c.cast(lengths, 'i64'), batch, rank);
  const mirrored = c.sub(c.sub(length, c.like(length, 1)), steps);
  const index = c.where(c.op('lt', [steps, length]), mirrored, steps);
  return c.op('gather_elements', [x, c.broadcast(index, c.shape(x))], { axis: time });
};

// ---- shapes that depend on values: only over constants ----

function constantVector(
  c: NodeContext,
  index: number,
  what: string,
): { t: HostTensor; values: readonly number[] } {
  return { t: c.constantInput(index, what), values: c.knownInts(index, what) ?? [] };
}

const nonZero: Handler = (c) => {
  const { t, values } = constantVector(c, 0, 'the operand, on which the shape of the result depends,');
  const places = values.flatMap((value, i) => (value === 0 ? [] : [i]));
  const strides = rowMajorStrides(t.shape);
  const rows = t.shape.map((d, axis) => places.map((place) => Math.floor(place / (strides[axis] ?? 1)) % d));
  return c.numbers('i64', [t.shape.length, places.length], rows.flat());
};

const compress: Handler = (c) => {
  const { values } = constantVector(c, 1, 'the condition, on which the shape of the result depends,');
  const kept = c.ints(values.flatMap((value, i) => (value === 0 ? [] : [i])));
  const x = c.input(0);
  if (c.attributes.has('axis')) return c.gather(x, kept, c.axisAttribute(x));
  return c.gather(c.reshape(x, [c.size(x)]), kept, 0);
};

interface Slices {
  readonly count: number;
  /** Key of slice i: equal slices have equal keys; order as of the elements. */
  compare(a: number, b: number): number;
}

/** The slices of a tensor along an axis, each as a row of numbers. */
function slicesOf(shape: readonly number[], values: readonly number[], axis: number): Slices {
  const inner = elementCount(shape.slice(axis + 1));
  const count = shape[axis] ?? 1;
  const outer = elementCount(shape.slice(0, axis));
  const element = (slice: number, k: number) =>
    values[(Math.floor(k / inner) * count + slice) * inner + (k % inner)] ?? 0;
  const compare = (a: number, b: number) => {
    for (let k = 0; k < outer * inner; k++) {
      const difference = element(a, k) - element(b, k);
      if (difference !== 0) return difference;
    }
    return 0;
  };
  return { count, compare };
}

const unique: Handler = (c): readonly Item[] => {
  const { t, values } = constantVector(c, 0, 'the operand, on which the shape of the result depends,');
  const isFlat = !c.attributes.has('axis');
  const axis = isFlat ? 0 : c.axis(c.attributes.int('axis'), t.shape.length);
  const x = isFlat ? c.reshape(c.input(0), [values.length]) : c.input(0);
  const { count, compare } = slicesOf(c.shape(x), values, axis);
  const sorted = Array.from({ length: count }, (_, i) => i).sort((a, b) => compare(a, b) || a - b);
  // Classes of equal slices, each led by its first one.
  const leaders: number[] = [];
  const leaderOf = new Map<number, number>();
  for (const i of sorted) {
    const last = leaders.at(-1);
    if (last !== undefined && compare(last, i) === 0) leaderOf.set(i, last);
    else leaderOf.set(i, leaders[leaders.push(i) - 1] ?? i);
  }
  if (!c.attributes.flag('sorted', true)) leaders.sort((a, b) => a - b);
  const inverse = Array.from({ length: count }, (_, i) => leaders.indexOf(leaderOf.get(i) ?? i));
  const counts = leaders.map((_, k) => inverse.filter((j) => j === k).length);
  return [c.gather(x, c.ints(leaders), axis), c.ints(leaders), c.ints(inverse), c.ints(counts)];
};

export const INDEXING: HandlerTable = {
  Compress: compress,
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  NonZero: nonZero,
  OneHot: oneHot,
  ReverseSequence: reverseSequence,
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  TensorScatter: tensorScatter,
  Unique: unique,
};
