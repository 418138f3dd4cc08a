// Operators that look along one axis in order: the place of the largest element, the k largest, sums and products that run
// on. NaN counts as larger than everything, and of equal elements the first comes first.
import { type DType, dtypeKind, isFloat, isInteger } from '../base/dtype.js';
import type { Random } from '../base/random.js';
import { elementCount, type HostTensor } from '../base/tensor.js';
import type { Attrs } from '../ir/constant.js';
import { dimText } from '../ir/dim.js';
import { type TensorType, tensorType } from '../ir/type.js';
import { eachRow } from './along-axis.js';
import { flagAttr, intAttr } from './attributes.js';
import { costOf, countElements } from './cost.js';
import type { AttrSpec, InferContext, OpDecl } from './declare.js';
import { loadElements, resultArray, storeElements } from './elements.js';
import { FLOATS, INTEGERS, randomShape, randomTensor } from './samples.js';
import { checkAxis } from './shape-math.js';

type Fail = (reason: string) => never;
type Numbers = ArrayLike<number | bigint>;

const AXIS: AttrSpec = { kind: 'int', doc: 'the axis' };

function ordered(dtype: DType): boolean {
  return ['float', 'int', 'uint', 'bool'].includes(dtypeKind(dtype));
}

function checkOrdered(
  { inputs, attrs }: InferContext,
  fail: Fail,
): { readonly x: TensorType; readonly axis: number } {
  const x = inputs[0] as TensorType;
  if (!ordered(x.dtype)) fail(`elements of ${x.dtype} have no order`);
  return { x, axis: checkAxis(intAttr(attrs, 'axis'), x.shape.length, fail) };
}

/** Whether `a` comes before a different `b` among the largest. */
function above(a: number | bigint, b: number | bigint): boolean {
  return a > b || (Number.isNaN(a) && !Number.isNaN(b));
}

/** Whether `a` comes before `b` among the smallest: NaN is the largest of all. */
function below(a: number | bigint, b: number | bigint): boolean {
  return above(b, a);
}

/** For searches, where NaN is found whatever is sought, as in numpy. */
function belowOrNan(a: number | bigint, b: number | bigint): boolean {
  return a < b || (Number.isNaN(a) && !Number.isNaN(b));
}

type Before = (a: number | bigint, b: number | bigint) => boolean;

function inferSearch(context: InferContext, fail: Fail): readonly TensorType[] {
  const { x, axis } = checkOrdered(context, fail);
  if (x.shape[axis] === 0) fail(`axis ${axis} has no elements to choose from`);
  const kept = flagAttr(context.attrs, 'keep') ? [1] : [];
  return [tensorType('i64', [...x.shape.slice(0, axis), ...kept, ...x.shape.slice(axis + 1)])];
}

function evaluateSearch(before: Before): NonNullable<OpDecl['evaluate']> {
  return ([operand], attrs, [type]) => {
    const { shape } = operand as HostTensor;
    const x: Numbers = loadElements(operand as HostTensor);
    const last = flagAttr(attrs, 'last');
    const result = new BigInt64Array(elementCount((type as TensorType).shape as readonly number[]));
    eachRow(shape, intAttr(attrs, 'axis'), (at, run, step, row) => {
      let best = 0;
      let value = x[at]!;
      for (let i = 1; i < run; i++) {
        const v = x[at + i * step]!;
        if (last ? before(value, v) : !before(v, value)) continue;
        best = i;
        value = v;
      }
      result[row] = BigInt(best);
    });
    return [storeElements('i64', (type as TensorType).shape as readonly number[], result)];
  };
}

function search(name: string, doc: string, before: Before): OpDecl {
  return {
    name,
    family: 'order',
    doc,
    operands: [{ name: 'x' }],
    attrs: {
      axis: AXIS,
      keep: { kind: 'bool', doc: 'whether the axis stays, with one element' },
      last: {
        kind: 'bool',
        doc: 'whether of equal elements the last is meant, not the first',
        default: false,
      },
    },
    infer: inferSearch,
    evaluate: evaluateSearch(before),
    tolerance: { relative: 0, absolute: 0 },
    cost: (inputs, outputs) => costOf(inputs, outputs, countElements(inputs[0] as TensorType)),
    sample(random) {
      const { x, axis } = sampleAlong(random, [...FLOATS, ...INTEGERS, 'bool']);
      return { inputs: [x], attrs: { axis, keep: random.chance(0.5), last: random.chance(0.5) } };
    },
  };
}

function inferTopk(context: InferContext, fail: Fail): readonly TensorType[] {
  const { x, axis } = checkOrdered(context, fail);
  const k = intAttr(context.attrs, 'k');
  const dim = x.shape[axis];
  if (k < 0 || (typeof dim === 'number' && k > dim))
    fail(`there are no ${k} elements on axis ${axis}, which has ${dimText(dim ?? 0)}`);
  const shape = x.shape.with(axis, k);
  return [tensorType(x.dtype, shape), tensorType('i64', shape)];
}

function evaluateTopk([operand]: readonly HostTensor[], attrs: Attrs): HostTensor[] {
  const { dtype, shape } = operand as HostTensor;
  const x: Numbers = loadElements(operand as HostTensor);
  const axis = intAttr(attrs, 'axis');
  const k = intAttr(attrs, 'k');
  const before = flagAttr(attrs, 'largest') ? above : below;
  const result = shape.with(axis, k);
  const values = resultArray(dtype, elementCount(result));
  const indices = new BigInt64Array(values.length);
  eachRow(shape, axis, (at, run, step) => {
    const order = Uint32Array.from({ length: run }, (_, i) => i).sort((i, j) => {
      const [a, b] = [x[at + i * step]!, x[at + j * step]!];
      return before(a, b) ? -1 : before(b, a) ? 1 : i - j;
    });
    const inner = at % step;
    const to = ((at - inner) / run) * k + inner;
    for (let i = 0; i < k; i++) {
      values[to + i * step] = x[at + order[i]! * step]!;
      indices[to + i * step] = BigInt(order[i]!);
    }
  });
  return [storeElements(dtype, result, values), storeElements('i64', result, indices)];
}

const topk: OpDecl = {
  name: 'topk',
  family: 'order',
  doc: 'The k largest or smallest elements along an axis and their indices. Of equal elements the first comes first; NaN is the largest of all.',
  operands: [{ name: 'x' }],
  attrs: {
    k: { kind: 'int', doc: 'how many' },
    axis: AXIS,
    largest: { kind: 'bool', doc: 'the largest, else the smallest', default: true },
    sorted: { kind: 'bool', doc: 'whether their order matters; the reference always sorts', default: true },
  },
  infer: inferTopk,
  evaluate: evaluateTopk,
  tolerance: { relative: 0, absolute: 0 },
  cost: (inputs, outputs) => costOf(inputs, outputs, countElements(inputs[0] as TensorType)),
  sample(random) {
    const { x, axis } = sampleAlong(random, [...FLOATS, ...INTEGERS]);
    const k = random.integer(1, x.shape[axis] ?? 1);
    return { inputs: [x], attrs: { k, axis, largest: random.chance(0.5), sorted: true } };
  },
};

/** One step of a sum or product that runs on: in double for floats, modulo the width for integers. */
interface Accumulation {
  readonly neutral: number;
  readonly float: (a: number, b: number) => number;
  readonly integer: (a: number, b: number) => number;
  readonly big: (a: bigint, b: bigint) => bigint;
}

const SUM: Accumulation = {
  neutral: 0,
  float: (a, b) => a + b,
  integer: (a, b) => (a + b) | 0,
  big: (a, b) => BigInt.asIntN(64, a + b),
};
const PRODUCT: Accumulation = {
  neutral: 1,
  float: (a, b) => a * b,
  integer: Math.imul,
  big: (a, b) => BigInt.asIntN(64, a * b),
};

function inferRunning({ inputs, attrs }: InferContext, fail: Fail): readonly TensorType[] {
  const x = inputs[0] as TensorType;
  if (!isFloat(x.dtype) && !isInteger(x.dtype)) fail(`elements of ${x.dtype} cannot be accumulated`);
  checkAxis(intAttr(attrs, 'axis'), x.shape.length, fail);
  return [x];
}

/** A row of results: element `i` stands at at + i * step; backwards from the other end where `reverse`. */
function runOn<T extends number | bigint>(
  x: ArrayLike<T>,
  out: { [index: number]: T },
  [at, run, step]: readonly [number, number, number],
  exclusive: boolean,
  neutral: T,
  f: (a: T, b: T) => T,
): void {
  let total = neutral;
  for (let i = 0, place = at; i < run; i++, place += step) {
    const next = f(total, x[place]!);
    out[place] = exclusive ? total : next;
    total = next;
  }
}

function evaluateRunning(a: Accumulation): NonNullable<OpDecl['evaluate']> {
  return ([operand], attrs) => {
    const { dtype, shape } = operand as HostTensor;
    const x = loadElements(operand as HostTensor);
    const out = resultArray(dtype, x.length);
    const exclusive = flagAttr(attrs, 'exclusive');
    const reverse = flagAttr(attrs, 'reverse');
    const f = isFloat(dtype) ? a.float : a.integer;
    eachRow(shape, intAttr(attrs, 'axis'), (first, run, step) => {
      const row = reverse ? ([first + (run - 1) * step, run, -step] as const) : ([first, run, step] as const);
      if (x instanceof BigInt64Array || x instanceof BigUint64Array)
        runOn(x, out as BigInt64Array, row, exclusive, BigInt(a.neutral), a.big);
      else runOn(x, out as Float64Array, row, exclusive, a.neutral, f);
    });
    return [storeElements(dtype, shape, out)];
  };
}

function running(name: string, doc: string, a: Accumulation): OpDecl {
  return {
    name,
    family: 'order',
    doc,
    operands: [{ name: 'x' }],
    attrs: {
      axis: AXIS,
      exclusive: { kind: 'bool', doc: 'whether an element leaves itself out', default: false },
      reverse: { kind: 'bool', doc: 'whether it runs from the last element to the first', default: false },
    },
    infer: inferRunning,
    evaluate: evaluateRunning(a),
    tolerance: { relative: 1e-4, absolute: 1e-5 },
    cost: (inputs, outputs) => costOf(inputs, outputs, countElements(inputs[0] as TensorType)),
    sample(random) {
      const { x, axis } = sampleAlong(random, [...FLOATS, ...INTEGERS]);
      return { inputs: [x], attrs: { axis, exclusive: random.chance(0.5), reverse: random.chance(0.5) } };
    },
  };
}

function sampleAlong(
  random: Random,
  dtypes: readonly DType[],
): { readonly x: HostTensor; readonly axis: number } {
  const shape = randomShape(random, 1);
  return { x: randomTensor(random, random.pick(dtypes), shape), axis: random.integer(0, shape.length - 1) };
}

export const ORDER: readonly OpDecl[] = [
  search('argmax', 'Index of the largest element along an axis. NaN is the largest of all.', above),
  search('argmin', 'Index of the smallest element along an axis; of NaN, where there is one.', belowOrNan),
  topk,
  running('cumsum', 'Sum of the elements up to each one along an axis. Integers wrap.', SUM),
  running('cumprod', 'Product of the elements up to each one along an axis. Integers wrap.', PRODUCT),
];
