// Elementwise operators of ai.onnx: arithmetic, comparisons, logic, activations. Most are one core operator; the others are
// written out as their specification does.
import { dtypeKind, isFloat, isInteger } from '../../../base/dtype.js';
import type { Value } from '../../../ir/graph.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';

const unary =
  (op: string): Handler =>
  (c) =>
    c.op(op, [c.input(0)]);

const binary =
  (op: string): Handler =>
  (c) =>
    c.op(op, [c.input(0), aligned(c)]);

/** The second operand. Before version 7 an attribute says at which axis of the first its axes begin. */
function aligned(c: NodeContext): Value {
  const b = c.input(1);
  if (c.version >= 7 || !c.attributes.flag('broadcast') || !c.attributes.has('axis')) return b;
  const rank = c.rank(c.input(0));
  const missing = rank - c.rank(b) - c.axis(c.attributes.int('axis'), rank);
  return c.reshape(b, [...c.shape(b), ...Array.from({ length: missing }, () => 1)]);
}

const variadic =
  (op: string): Handler =>
  (c) =>
    c.chain(op, c.inputs());

const mean: Handler = (c) => {
  const values = c.inputs();
  const sum = c.chain('add', values);
  return c.div(sum, c.like(sum, values.length));
};

/** x < low -> low, x > high -> high; a bound left out does not bind. */
export function clamp(c: NodeContext, x: Value, low: Value | undefined, high: Value | undefined): Value {
  const above = low === undefined ? x : c.max(x, low);
  return high === undefined ? above : c.min(above, high);
}

export function clampTo(c: NodeContext, x: Value, low: number, high: number): Value {
  return clamp(c, x, c.like(x, low), c.like(x, high));
}

const clipAttributes: Handler = (c) => {
  const x = c.input(0);
  const bound = (name: string) => (c.attributes.has(name) ? c.like(x, c.attributes.float(name)) : undefined);
  return clamp(c, x, bound('min'), bound('max'));
};

const clipInputs: Handler = (c) => clamp(c, c.input(0), c.optional(1), c.optional(2));

/** Integer exponents of float bases and the other way round: computed in the float type, result of the base's type. */
const pow: Handler = (c) => {
  const [base, exponent] = [c.input(0), c.input(1)];
  const [own, other] = [base.type.dtype, exponent.type.dtype];
  if (own === other) return c.op('pow', [base, exponent]);
  if (isFloat(own)) return c.op('pow', [base, c.cast(exponent, own)]);
  if (isFloat(other)) return c.cast(c.op('pow', [c.cast(base, other), exponent]), own);
  return c.op('pow', [base, c.cast(exponent, own)]);
};

const mod: Handler = (c) => {
  const op = c.attributes.flag('fmod') ? 'fmod' : 'mod';
  return c.op(op, [c.input(0), c.input(1)]);
};

const bitShift: Handler = (c) => {
  const direction = c.attributes.oneOf('direction', ['LEFT', 'RIGHT'], 'LEFT');
  return c.op(direction === 'LEFT' ? 'shl' : 'shr', [c.input(0), c.input(1)]);
};

const isInf: Handler = (c) =>
  c.op('isinf', [c.input(0)], {
    negative: c.attributes.flag('detect_negative', true),
    positive: c.attributes.flag('detect_positive', true),
  });

const leakyRelu: Handler = (c) =>
  c.op('leaky_relu', [c.input(0)], { alpha: c.attributes.float('alpha', 0.01) });

const elu: Handler = (c) => c.op('elu', [c.input(0)], { alpha: c.attributes.float('alpha', 1) });

/** gamma * (x > 0 ? x : alpha * (e^x - 1)) */
const selu: Handler = (c) => {
  const x = c.input(0);
  const alpha = c.attributes.float('alpha', 1.6732631921768188);
  const gamma = c.attributes.float('gamma', 1.0507010221481323);
  return c.mul(c.op('elu', [x], { alpha }), c.like(x, gamma));
};

/** max(0, x) + min(0, alpha * (e^(x / alpha) - 1)) */
const celu: Handler = (c) => {
  const x = c.input(0);
  const alpha = c.like(x, c.attributes.float('alpha', 1));
  const negative = c.mul(alpha, c.op('expm1', [c.div(x, alpha)]));
  return c.add(c.op('relu', [x]), c.min(negative, c.like(x, 0)));
};

/** max(0, min(1, alpha * x + beta)) */
export function hardSigmoidOf(c: NodeContext, x: Value, alpha: number, beta: number): Value {
  return clampTo(c, c.add(c.mul(x, c.like(x, alpha)), c.like(x, beta)), 0, 1);
}

const hardSigmoid: Handler = (c) =>
  hardSigmoidOf(c, c.input(0), c.attributes.float('alpha', 0.2), c.attributes.float('beta', 0.5));

const hardSwish: Handler = (c) => c.mul(c.input(0), hardSigmoidOf(c, c.input(0), 1 / 6, 0.5));

const thresholdedRelu: Handler = (c) => {
  const x = c.input(0);
  const isAbove = c.op('gt', [x, c.like(x, c.attributes.float('alpha', 1))]);
  return c.where(isAbove, x, c.like(x, 0));
};

const shrink: Handler = (c) => {
  const x = c.input(0);
  const [lambda, bias] = [c.attributes.float('lambd', 0.5), c.like(x, c.attributes.float('bias', 0))];
  const low = c.where(c.op('lt', [x, c.like(x, -lambda)]), c.add(x, bias), c.like(x, 0));
  return c.where(c.op('gt', [x, c.like(x, lambda)]), c.sub(x, bias), low);
};

const softsign: Handler = (c) => {
  const x = c.input(0);
  return c.div(x, c.add(c.op('abs', [x]), c.like(x, 1)));
};

/** x * sigmoid(alpha * x) */
export function swishOf(c: NodeContext, x: Value, alpha: number): Value {
  return alpha === 1 ? c.op('silu', [x]) : c.mul(x, c.op('sigmoid', [c.mul(x, c.like(x, alpha))]));
}

const swish: Handler = (c) => swishOf(c, c.input(0), c.attributes.float('alpha', 1));

const gelu: Handler = (c) => {
  const approximate = c.attributes.oneOf('approximate', ['none', 'tanh'], 'none');
  return c.op(approximate === 'tanh' ? 'gelu_tanh' : 'gelu', [c.input(0)]);
};

const prelu: Handler = (c) => {
  const [x, slope] = [c.input(0), c.input(1)];
  return c.where(c.op('lt', [x, c.like(x, 0)]), c.mul(x, slope), x);
};

const sign: Handler = (c) => {
  const x = c.input(0);
  return dtypeKind(x.type.dtype) === 'uint'
    ? c.cast(c.op('ne', [x, c.like(x, 0)]), x.type.dtype)
    : c.op('sign', [x]);
};

const identityOfIntegers =
  (op: string): Handler =>
  (c) =>
    isInteger(c.dtype(0)) ? c.input(0) : c.op(op, [c.input(0)]);

export const ELEMENTWISE: HandlerTable = {
  Abs: unary('abs'),
  Acos: unary('acos'),
  Acosh: unary('acosh'),
  Add: binary('add'),
  And: binary('and'),
  Asin: unary('asin'),
  Asinh: unary('asinh'),
  Atan: unary('atan'),
  Atanh: unary('atanh'),
  BitShift: bitShift,
  BitwiseAnd: binary('bitand'),
  BitwiseNot: unary('bitnot'),
  BitwiseOr: binary('bitor'),
  BitwiseXor: binary('bitxor'),
  Ceil: identityOfIntegers('ceil'),
  Celu: celu,
  Clip: { 1: clipAttributes, 11: clipInputs },
  Cos: unary('cos'),
  Cosh: unary('cosh'),
  Div: binary('div'),
  Elu: elu,
  Equal: binary('eq'),
  Erf: unary('erf'),
  Exp: unary('exp'),
  Floor: identityOfIntegers('floor'),
  Gelu: gelu,
  Greater: binary('gt'),
  GreaterOrEqual: binary('ge'),
  HardSigmoid: hardSigmoid,
  HardSwish: hardSwish,
  IsInf: isInf,
  IsNaN: unary('isnan'),
  LeakyRelu: leakyRelu,
  Less: binary('lt'),
  LessOrEqual: binary('le'),
  Log: unary('log'),
  Max: variadic('max'),
  Mean: mean,
  Min: variadic('min'),
  Mish: unary('mish'),
  Mod: mod,
  Mul: binary('mul'),
  Neg: unary('neg'),
  Not: unary('not'),
  Or: binary('or'),
  PRelu: prelu,
  Pow: pow,
  Reciprocal: unary('reciprocal'),
  Relu: unary('relu'),
  Round: identityOfIntegers('round'),
  Selu: selu,
  Shrink: shrink,
  Sigmoid: unary('sigmoid'),
  Sign: sign,
  Sin: unary('sin'),
  Sinh: unary('sinh'),
  Softplus: unary('softplus'),
  Softsign: softsign,
  Sqrt: unary('sqrt'),
  Sub: binary('sub'),
  Sum: variadic('add'),
  Swish: swish,
  Tan: unary('tan'),
  Tanh: unary('tanh'),
  ThresholdedRelu: thresholdedRelu,
  Where: (c) => c.where(c.input(0), c.input(1), c.input(2)),
  Xor: binary('xor'),
};
