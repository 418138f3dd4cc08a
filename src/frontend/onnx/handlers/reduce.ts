// Operators of ai.onnx along axes: reductions, arg-max, top-k, cumulative sums, softmax and its kin.
import { isFloat } from '../../../base/dtype.js';
import type { Value } from '../../../ir/graph.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';
import { flattenAt } from './shape.js';

/** What is done before and after the core reduction. */
interface Reduction {
  readonly op: string;
  readonly before?: (c: NodeContext, x: Value) => Value;
  readonly after?: (c: NodeContext, x: Value) => Value;
}

const core =
  (op: string) =>
  (c: NodeContext, x: Value): Value =>
    c.op(op, [x]);

const REDUCTIONS: Readonly<Record<string, Reduction>> = {
  ReduceL1: { op: 'sum', before: core('abs') },
  ReduceL2: { op: 'sum', before: core('square'), after: core('sqrt') },
  ReduceLogSum: { op: 'sum', after: core('log') },
  ReduceMax: { op: 'max' },
  ReduceMean: { op: 'mean' },
  ReduceMin: { op: 'min' },
  ReduceProd: { op: 'prod' },
  ReduceSum: { op: 'sum' },
  ReduceSumSquare: { op: 'sum', before: core('square') },
};

interface Axes {
  readonly axes: readonly number[];
  readonly keep: boolean;
}

/** Undefined: the operand is the result. */
function reducedAxes(c: NodeContext, x: Value): Axes | undefined {
  const given = c.intsOf('axes', 1);
  const none = given === undefined || given.length === 0;
  if (none && c.attributes.flag('noop_with_empty_axes')) return undefined;
  const all = x.type.shape.map((_, axis) => axis);
  return { axes: none ? all : c.axes(given, all.length), keep: c.attributes.flag('keepdims', true) };
}

const reduction =
  ({ op, before, after }: Reduction): Handler =>
  (c) => {
    const x = c.input(0);
    const reduced = reducedAxes(c, x);
    const start = before ? before(c, x) : x;
    const middle = reduced === undefined ? start : c.reduce(op, start, reduced.axes, reduced.keep);
    return after ? after(c, middle) : middle;
  };

/** max + log(sum(e^(x - max))): the maximum taken out, so that nothing overflows. */
const logSumExp: Handler = (c) => {
  const x = c.input(0);
  const reduced = reducedAxes(c, x);
  if (reduced === undefined || reduced.axes.length === 0) return x;
  const { axes, keep } = reduced;
  const { dtype, shape } = x.type;
  if (axes.some((axis) => shape[axis] === 0)) {
    const dims = c.shape(c.reduce('sum', x, axes, keep));
    return c.filled(dtype, dims, -Infinity);
  }
  const peak = c.reduce('max', x, axes, true);
  // Where the maximum is infinite the difference would be NaN.
  const shift = c.where(c.op('isinf', [peak]), c.like(peak, 0), peak);
  const sum = c.reduce('sum', c.op('exp', [c.sub(x, shift)]), axes, true);
  const result = c.add(c.op('log', [sum]), shift);
  return keep ? result : c.squeeze(result, axes);
};

const arg =
  (op: 'argmax' | 'argmin'): Handler =>
  (c) => {
    const x = c.input(0);
    return c.op(op, [x], {
      axis: c.axisAttribute(x, 0),
      keep: c.attributes.flag('keepdims', true),
      last: c.attributes.flag('select_last_index'),
    });
  };

const topK: Handler = (c) => {
  const x = c.input(0);
  const axis = c.axisAttribute(x, -1);
  const k = c.version < 10 ? c.attributes.int('k') : c.knownInts(1, 'k')?.[0];
  if (k === undefined) throw c.bad('it lacks k');
  const largest = c.attributes.flag('largest', true);
  const sorted = c.attributes.flag('sorted', true);
  return c.builder.node('topk', [x], { k, axis, largest, sorted });
};

const cumulative =
  (op: 'cumsum' | 'cumprod'): Handler =>
  (c) => {
    const x = c.input(0);
    const axis = c.axis(c.knownInts(1, 'the axis')?.[0] ?? 0, c.rank(x));
    return c.op(op, [x], {
      axis,
      exclusive: c.attributes.flag('exclusive'),
      reverse: c.attributes.flag('reverse'),
    });
  };

/** Before version 13 the axes from `axis` on count as one. */
const alongAxes =
  (compute: (c: NodeContext, x: Value, axis: number) => Value): Handler =>
  (c) => {
    const x = c.input(0);
    if (c.version >= 13) return compute(c, x, c.axisAttribute(x, -1));
    const axis = c.axisAttribute(x, 1);
    if (axis === c.rank(x) - 1) return compute(c, x, axis);
    return c.reshape(compute(c, flattenAt(c, x, axis), 1), c.shape(x));
  };

const softmax = (op: string) => alongAxes((c, x, axis) => c.op(op, [x], { axis }));

/** 1 at the first maximum. */
const hardmax = alongAxes((c, x, axis) => {
  const size = c.dim(x, axis);
  const places = c.alongAxis(c.iota(size), axis, c.rank(x));
  const first = c.op('argmax', [x], { axis, keep: true, last: false });
  return c.cast(c.op('eq', [places, first]), x.type.dtype);
});

const lpNormalization: Handler = (c) => {
  const x = c.input(0);
  const axis = c.axisAttribute(x, -1);
  const p = c.attributes.int('p', 2);
  if (p !== 1 && p !== 2) throw c.bad(`p is ${p}, not 1 or 2`);
  const norm =
    p === 1
      ? c.reduce('sum', c.op('abs', [x]), [axis], true)
      : c.op('sqrt', [c.reduce('sum', c.op('square', [x]), [axis], true)]);
  const isZero = c.op('eq', [norm, c.like(norm, 0)]);
  return c.where(isZero, c.like(x, 0), c.div(x, norm));
};

/** The p-th root of the sum of p-th powers of magnitudes. */
export function powerNorm(c: NodeContext, x: Value, p: number, sum: (powers: Value) => Value): Value {
  const magnitude = c.op('abs', [x]);
  if (p === 1) return sum(magnitude);
  if (p === 2) return c.op('sqrt', [sum(c.op('square', [x]))]);
  const total = sum(c.op('pow', [magnitude, c.like(x, p)]));
  return c.op('pow', [total, c.like(x, 1 / p)]);
}

/** (x - mean) / (deviation + 1e-9) over axes. */
const meanVarianceNormalization: Handler = (c) => {
  const x = c.input(0);
  const axes = c.axes(c.attributes.ints('axes', [0, 2, 3]), c.rank(x));
  if (!isFloat(x.type.dtype)) throw c.bad(`it is for floats, not ${x.type.dtype}`);
  const centred = c.sub(x, c.reduce('mean', x, axes, true));
  const deviation = c.op('sqrt', [c.reduce('mean', c.op('square', [centred]), axes, true)]);
  return c.div(centred, c.add(deviation, c.like(x, 1e-9)));
};

export const REDUCE: HandlerTable = {
  ...Object.fromEntries(Object.entries(REDUCTIONS).map(([op, row]) => [op, reduction(row)])),
  ArgMax: arg('argmax'),
  ArgMin: arg('argmin'),
  CumProd: cumulative('cumprod'),
  CumSum: cumulative('cumsum'),
  Hardmax: hardmax,
  LogSoftmax: softmax('log_softmax'),
  LpNormalization: lpNormalization,
  MeanVarianceNormalization: meanVarianceNormalization,
  ReduceLogSumExp: logSumExp,
  Softmax: softmax('softmax'),
  TopK: topK,
};
