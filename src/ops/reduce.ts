// Reductions over axes. Floats are summed and multiplied in double, in row-major order of the reduced elements, and rounded
// once; integers wrap modulo their width. `any` and `all` are reduce_max and reduce_min over bool.
import { type DType, isFloat, isInteger } from '../base/dtype.js';
import { elementCount, fromNumbers, type HostTensor } from '../base/tensor.js';
import type { Attrs } from '../ir/constant.js';
import { rowMajorStrides, type TensorType, tensorType } from '../ir/type.js';
import { flagAttr, intsAttr } from './attributes.js';
import { costOf, countElements } from './cost.js';
import type { OpDecl, Tolerance } from './declare.js';
import { integerRange, loadElements, resultArray, storeElements } from './elements.js';
import { pickElements } from './move.js';
import { FLOATS, randomShape, randomTensor } from './samples.js';
import { checkAxes } from './shape-math.js';

type Floats = Float32Array | Float64Array;
type Integers = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;
type Bigs = BigInt64Array | BigUint64Array;

/** One reduction: of `run` elements from `at` on, to a number. */
interface Reduction {
  readonly doc: string;
  readonly bool: boolean;
  readonly tolerance: Tolerance;
  /** Over no element; the default is what the loops give. */
  empty?(dtype: DType): number | bigint;
  float(x: Floats, at: number, run: number): number;
  integer(x: Integers, at: number, run: number): number;
  big(x: Bigs, at: number, run: number): bigint;
}

const EXACT: Tolerance = { relative: 0, absolute: 0 };
/** Sums in single precision, in any order, of up to some thousand elements. */
const SUMMED: Tolerance = { relative: 1e-5, absolute: 1e-5 };

function sum(x: Floats | Integers, at: number, run: number): number {
  let total = 0;
  for (let i = at; i < at + run; i++) total += x[i]!;
  return total;
}

function bigSum(x: Bigs, at: number, run: number): bigint {
  let total = 0n;
  for (let i = at; i < at + run; i++) total += x[i]!;
  return total;
}

function greatest(x: Floats | Integers, at: number, run: number): number {
  let best = -Infinity;
  for (let i = at; i < at + run; i++) best = Math.max(best, x[i]!);
  return best;
}

function least(x: Floats | Integers, at: number, run: number): number {
  let best = Infinity;
  for (let i = at; i < at + run; i++) best = Math.min(best, x[i]!);
  return best;
}

function bigBest(x: Bigs, at: number, run: number, before: (a: bigint, b: bigint) => boolean): bigint {
  let best = x[at] ?? 0n;
  for (let i = at + 1; i < at + run; i++) if (before(x[i]!, best)) best = x[i]!;
  return best;
}

const REDUCTIONS: Readonly<Record<string, Reduction>> = {
  reduce_sum: {
    doc: 'Sum over axes; 0 over none.',
    bool: false,
    tolerance: SUMMED,
    float: sum,
    // Exact up to 2^53, which 2^21 summands of 32 bits do not reach; the result wraps when it is stored.
    integer: sum,
    big: bigSum,
  },
  reduce_mean: {
    doc: 'Mean over axes; of integers, the quotient truncated towards zero. NaN over no element.',
    bool: false,
    tolerance: SUMMED,
    float: (x, at, run) => sum(x, at, run) / run,
    integer: (x, at, run) => (run === 0 ? 0 : Math.trunc(sum(x, at, run) / run)),
    big: (x, at, run) => (run === 0 ? 0n : bigSum(x, at, run) / BigInt(run)),
  },
  reduce_max: {
    doc: 'Greatest element over axes, NaN where there is one; of bool, whether any is true. The least value of the type over none.',
    bool: true,
    tolerance: EXACT,
    empty: (dtype) => (isFloat(dtype) ? -Infinity : integerRange(dtype).low),
    float: greatest,
    integer: greatest,
    big: (x, at, run) => bigBest(x, at, run, (a, b) => a > b),
  },
  reduce_min: {
    doc: 'Least element over axes, NaN where there is one; of bool, whether all are true. The greatest value of the type over none.',
    bool: true,
    tolerance: EXACT,
    empty: (dtype) => (isFloat(dtype) ? Infinity : integerRange(dtype).high),
    float: least,
    integer: least,
    big: (x, at, run) => bigBest(x, at, run, (a, b) => a < b),
  },
  reduce_prod: {
    doc: 'Product over axes; 1 over none.',
    bool: false,
    tolerance: SUMMED,
    float(x, at, run) {
      let product = 1;
      for (let i = at; i < at + run; i++) product *= x[i]!;
      return product;
    },
    integer(x, at, run) {
      let product = 1;
      for (let i = at; i < at + run; i++) product = Math.imul(product, x[i]!);
      return product;
    },
    big(x, at, run) {
      let product = 1n;
      for (let i = at; i < at + run; i++) product = BigInt.asIntN(64, product * x[i]!);
      return product;
    },
  },
};

/** The elements with the axes that stay outermost and the reduced ones innermost. */
function reducedLast(x: HostTensor, kept: readonly number[], axes: readonly number[]): HostTensor {
  const order = [...kept, ...axes];
  if (order.every((axis, i) => axis === i)) return x;
  const strides = rowMajorStrides(x.shape);
  return pickElements(
    x,
    order.map((axis) => x.shape[axis] ?? 1),
    { strides: order.map((axis) => strides[axis] ?? 1), start: 0 },
  );
}

function evaluateReduction(
  r: Reduction,
  x: HostTensor,
  reduced: readonly number[],
  shape: readonly number[],
): HostTensor {
  const count = elementCount(shape);
  const axes = [...reduced].sort((a, b) => a - b);
  const run = elementCount(axes.map((axis) => x.shape[axis] ?? 1));
  if (run === 0 && r.empty !== undefined)
    return fromNumbers(x.dtype, shape, new Array<number | bigint>(count).fill(r.empty(x.dtype)));
  const kept = [...x.shape.keys()].filter((axis) => !axes.includes(axis));
  const elements = loadElements(reducedLast(x, kept, axes));
  const out = resultArray(x.dtype, count);
  if (elements instanceof BigInt64Array || elements instanceof BigUint64Array) {
    for (let i = 0; i < count; i++) out[i] = r.big(elements, i * run, run);
  } else if (elements instanceof Float32Array || elements instanceof Float64Array) {
    for (let i = 0; i < count; i++) out[i] = r.float(elements, i * run, run);
  } else {
    for (let i = 0; i < count; i++) out[i] = r.integer(elements, i * run, run);
  }
  return storeElements(x.dtype, shape, out);
}

function reducedShape(x: TensorType, attrs: Attrs): TensorType {
  const axes = intsAttr(attrs, 'axes');
  const keep = flagAttr(attrs, 'keep');
  const shape = x.shape.flatMap((dim, i) => (axes.includes(i) ? (keep ? [1] : []) : [dim]));
  return tensorType(x.dtype, shape);
}

function declare(name: string, r: Reduction): OpDecl {
  return {
    name,
    family: 'reduce',
    doc: r.doc,
    operands: [{ name: 'x' }],
    attrs: {
      axes: { kind: 'ints', doc: 'axes reduced; none leaves the operand as it is' },
      keep: { kind: 'bool', doc: 'whether reduced axes stay, with 1 element', default: false },
    },
    infer({ inputs, attrs }, fail) {
      const x = inputs[0] as TensorType;
      checkAxes(intsAttr(attrs, 'axes'), x.shape.length, fail);
      const fits = isFloat(x.dtype) || isInteger(x.dtype) || (r.bool && x.dtype === 'bool');
      if (!fits) fail(`it does not take ${x.dtype}`);
      return [reducedShape(x, attrs)];
    },
    evaluate: ([x], attrs, [type]) =>
      x === undefined || type === undefined
        ? []
        : [evaluateReduction(r, x, intsAttr(attrs, 'axes'), type.shape as readonly number[])],
    tolerance: r.tolerance,
    cost: (inputs, outputs) =>
      costOf(
        inputs,
        outputs,
        inputs.reduce((n, t) => n + countElements(t), 0),
      ),
    sample(random) {
      const shape = randomShape(random);
      const dtype = random.pick([...FLOATS, 'i32'] as const);
      const axes = [...shape.keys()].filter(() => random.chance(0.5));
      const near = name === 'reduce_prod' ? 2 : 4;
      return {
        inputs: [randomTensor(random, dtype, shape, -near, near)],
        attrs: { axes, keep: random.chance(0.5) },
      };
    },
  };
}

export const REDUCE: readonly OpDecl[] = Object.entries(REDUCTIONS).map(([name, r]) => declare(name, r));
