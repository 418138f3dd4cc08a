// Elementwise operators of one operand. Floats are computed in double (base/elementary.ts, same bits everywhere) and
// rounded once; the operators that mean something for integers are exact on them.
import { bug } from '../base/diagnostic.js';
import { type DType, type DTypeKind, dtypeKind } from '../base/dtype.js';
import * as elementary from '../base/elementary.js';
import { elementCount, type HostTensor, type NumberArray } from '../base/tensor.js';
import { type TensorType, tensorType } from '../ir/type.js';
import { ACTIVATIONS } from './activation.js';
import { flagAttr, floatAttr } from './attributes.js';
import { perResult } from './cost.js';
import type { AttrSpec, OpDecl, Tolerance } from './declare.js';
import { type BigArray, loadElements, resultArray, storeElements } from './elements.js';
import { FLOATS, INTEGERS, randomShape, randomTensor } from './samples.js';

interface Unary {
  readonly doc: string;
  readonly takes?: readonly DTypeKind[];
  readonly tolerance?: Tolerance;
  readonly float?: (x: number, alpha: number) => number;
  /** Integers of up to 32 bits, and bool. */
  readonly integer?: (x: number) => number;
  readonly big?: (x: bigint) => bigint;
  /** Value of the attribute `alpha` where nothing is said; the operator has one. */
  readonly alpha?: number;
  /** Range of the operand in samples. */
  readonly range?: readonly [number, number];
}

const EXACT: Tolerance = { relative: 0, absolute: 0 };
/** One function in single precision, some units of the last place. */
const ROUNDED: Tolerance = { relative: 1e-6, absolute: 1e-7 };

const NUMBERS: readonly DTypeKind[] = ['float', 'int', 'uint'];
const same = { integer: (x: number) => x, big: (x: bigint) => x, takes: NUMBERS, tolerance: EXACT };

/** To the nearest integer, ties to even. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const part = x - floor;
  if (part < 0.5) return part === 0 ? x : floor;
  if (part > 0.5) return Math.ceil(x);
  return floor % 2 === 0 ? floor : Math.ceil(x);
}

const EXACT_UNARY: Readonly<Record<string, Unary>> = {
  neg: {
    doc: '-x.',
    takes: NUMBERS,
    tolerance: EXACT,
    float: (x) => -x,
    integer: (x) => -x,
    big: (x) => -x,
  },
  abs: {
    doc: 'Magnitude.',
    takes: NUMBERS,
    tolerance: EXACT,
    float: Math.abs,
    integer: Math.abs,
    big: (x) => (x < 0n ? -x : x),
  },
  sign: {
    doc: '-1, 0 or 1; x itself where it is a zero or NaN.',
    takes: NUMBERS,
    tolerance: EXACT,
    float: Math.sign,
    integer: Math.sign,
    big: (x) => (x < 0n ? -1n : x > 0n ? 1n : 0n),
  },
  relu: {
    doc: 'max(x, 0).',
    takes: NUMBERS,
    tolerance: EXACT,
    float: (x) => Math.max(x, 0),
    integer: (x) => Math.max(x, 0),
    big: (x) => (x > 0n ? x : 0n),
  },
  square: {
    doc: 'x * x.',
    takes: NUMBERS,
    tolerance: EXACT,
    float: (x) => x * x,
    integer: (x) => Math.imul(x, x),
    big: (x) => x * x,
  },
  sqrt: { doc: 'Square root.', tolerance: EXACT, float: Math.sqrt, range: [0, 8] },
  reciprocal: { doc: '1 / x.', tolerance: EXACT, float: (x) => 1 / x },
  floor: { doc: 'Greatest integer not above x.', ...same, float: Math.floor },
  ceil: { doc: 'Least integer not below x.', ...same, float: Math.ceil },
  trunc: { doc: 'x without its fraction.', ...same, float: Math.trunc },
  round: { doc: 'Nearest integer, ties to even.', ...same, float: roundHalfEven },
  not: { doc: 'Whether x is false.', takes: ['bool'], tolerance: EXACT, integer: (x) => 1 - x },
  bitnot: {
    doc: 'Every bit flipped.',
    takes: ['int', 'uint'],
    tolerance: EXACT,
    integer: (x) => ~x,
    big: (x) => ~x,
  },
};

const FUNCTIONS: Readonly<Record<string, Unary>> = {
  rsqrt: { doc: '1 / sqrt(x).', float: (x) => 1 / Math.sqrt(x), range: [0.05, 8] },
  exp: { doc: 'e to the power x.', float: elementary.exp },
  exp2: { doc: '2 to the power x.', float: elementary.exp2 },
  expm1: { doc: 'e to the power x, less 1.', float: elementary.expm1 },
  log: { doc: 'Natural logarithm.', float: elementary.log, range: [0.05, 8] },
  log2: { doc: 'Logarithm to base 2.', float: elementary.log2, range: [0.05, 8] },
  log1p: { doc: 'Natural logarithm of 1 + x.', float: elementary.log1p, range: [-0.9, 8] },
  sigmoid: { doc: '1 / (1 + exp(-x)).', float: elementary.sigmoid },
  tanh: { doc: 'Hyperbolic tangent.', float: elementary.tanh },
  erf: { doc: 'Error function.', float: elementary.erf },
  sin: { doc: 'Sine of radians.', float: elementary.sin },
  cos: { doc: 'Cosine of radians.', float: elementary.cos },
  tan: { doc: 'Tangent of radians.', float: elementary.tan, range: [-1.4, 1.4] },
  asin: { doc: 'Inverse sine.', float: elementary.asin, range: [-1, 1] },
  acos: { doc: 'Inverse cosine.', float: elementary.acos, range: [-1, 1] },
  atan: { doc: 'Inverse tangent.', float: elementary.atan },
  sinh: { doc: 'Hyperbolic sine.', float: elementary.sinh },
  cosh: { doc: 'Hyperbolic cosine.', float: elementary.cosh },
  asinh: { doc: 'Inverse hyperbolic sine.', float: elementary.asinh },
  acosh: { doc: 'Inverse hyperbolic cosine.', float: elementary.acosh, range: [1, 8] },
  atanh: { doc: 'Inverse hyperbolic tangent.', float: elementary.atanh, range: [-0.95, 0.95] },
  silu: { doc: 'x * sigmoid(x).', float: ACTIVATIONS.silu },
  gelu: { doc: 'x * (1 + erf(x / sqrt 2)) / 2.', float: ACTIVATIONS.gelu },
  gelu_tanh: {
    doc: 'x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))).',
    float: ACTIVATIONS.gelu_tanh,
  },
  softplus: { doc: 'ln(1 + exp(x)).', float: elementary.softplus },
  mish: { doc: 'x * tanh(softplus(x)).', float: ACTIVATIONS.mish },
  leaky_relu: { doc: 'x, or alpha * x below 0.', float: ACTIVATIONS.leaky_relu, alpha: 0.01 },
  elu: { doc: 'x, or alpha * (exp(x) - 1) below 0.', float: ACTIVATIONS.elu, alpha: 1 },
};

type Loop = (x: NumberArray | BigArray, out: NumberArray | BigArray, alpha: number) => void;

/** A loop of its own for the function. */
function numberLoop(f: (x: number, alpha: number) => number): Loop {
  return (x, out, alpha) => {
    const from = x as NumberArray;
    const to = out as NumberArray;
    for (let i = 0; i < from.length; i++) to[i] = f(from[i]!, alpha);
  };
}

function bigLoop(f: (x: bigint) => bigint): Loop {
  return (x, out) => {
    const from = x as BigArray;
    const to = out as BigArray;
    for (let i = 0; i < from.length; i++) to[i] = f(from[i]!);
  };
}

const ALPHA: Omit<AttrSpec, 'default'> = { kind: 'float', doc: 'slope or scale below 0' };

function declare(name: string, op: Unary): OpDecl {
  const takes = op.takes ?? ['float'];
  const float = op.float && numberLoop(op.float);
  const integer = op.integer && numberLoop(op.integer);
  const big = op.big && bigLoop(op.big);
  const loopOf = (dtype: DType): Loop => {
    const loop = dtypeKind(dtype) === 'float' ? float : dtype === 'i64' || dtype === 'u64' ? big : integer;
    if (loop === undefined) throw bug('E1251', `${name} has no evaluator for ${dtype}`);
    return loop;
  };
  return {
    name,
    family: 'elementwise',
    doc: op.doc,
    operands: [{ name: 'x' }],
    attrs: op.alpha === undefined ? {} : { alpha: { ...ALPHA, default: op.alpha } },
    infer({ inputs }, fail) {
      const [x] = inputs as readonly [TensorType];
      if (!takes.includes(dtypeKind(x.dtype))) fail(`it does not take ${x.dtype}`);
      return [x];
    },
    evaluate([x], attrs, [type]) {
      if (x === undefined || type === undefined) return [];
      const out = resultArray(x.dtype, elementCount(x.shape));
      loopOf(x.dtype)(loadElements(x), out, op.alpha === undefined ? 0 : floatAttr(attrs, 'alpha'));
      return [storeElements(x.dtype, x.shape, out)];
    },
    tolerance: op.tolerance ?? ROUNDED,
    cost: perResult(1),
    sample(random) {
      const kinds: readonly DType[] = [...FLOATS, ...INTEGERS, 'bool'];
      const dtype = random.pick(kinds.filter((t) => takes.includes(dtypeKind(t))));
      const x = randomTensor(random, dtype, randomShape(random), ...(op.range ?? []));
      return { inputs: [x], attrs: op.alpha === undefined ? {} : { alpha: random.integer(1, 8) / 16 } };
    },
  };
}

/** Tests of floats: the result is bool. */
function declareTest(
  name: string,
  doc: string,
  attrs: OpDecl['attrs'],
  test: (x: NumberArray, out: Uint8Array, attrs: Parameters<NonNullable<OpDecl['evaluate']>>[1]) => void,
): OpDecl {
  return {
    name,
    family: 'elementwise',
    doc,
    operands: [{ name: 'x' }],
    attrs,
    infer({ inputs }, fail) {
      const [x] = inputs as readonly [TensorType];
      if (dtypeKind(x.dtype) !== 'float') fail(`it does not take ${x.dtype}`);
      return [tensorType('bool', x.shape)];
    },
    evaluate(inputs, given) {
      const x = inputs[0] as HostTensor;
      const out = new Uint8Array(elementCount(x.shape));
      test(loadElements(x) as NumberArray, out, given);
      return [{ dtype: 'bool', shape: x.shape, data: out }];
    },
    tolerance: EXACT,
    cost: perResult(1),
    sample(random) {
      const x = randomTensor(random, random.pick(FLOATS), randomShape(random));
      return {
        inputs: [x],
        attrs: Object.fromEntries(Object.keys(attrs).map((key) => [key, random.chance(0.5)])),
      };
    },
  };
}

const TESTS: readonly OpDecl[] = [
  declareTest('isnan', 'Whether x is NaN.', {}, (x, out) => {
    for (let i = 0; i < x.length; i++) out[i] = Number.isNaN(x[i]) ? 1 : 0;
  }),
  declareTest(
    'isinf',
    'Whether x is infinite.',
    {
      negative: { kind: 'bool', doc: 'whether minus infinity counts', default: true },
      positive: { kind: 'bool', doc: 'whether plus infinity counts', default: true },
    },
    (x, out, attrs) => {
      const low = flagAttr(attrs, 'negative') ? -Infinity : NaN;
      const high = flagAttr(attrs, 'positive') ? Infinity : NaN;
      for (let i = 0; i < x.length; i++) out[i] = x[i] === low || x[i] === high ? 1 : 0;
    },
  ),
];

export const UNARY: readonly OpDecl[] = [
  ...Object.entries({ ...EXACT_UNARY, ...FUNCTIONS }).map(([name, op]) => declare(name, op)),
  ...TESTS,
];
