// Functions of one tensor, element by element: elementary functions, roundings, activations with their parameters.
import { isFloat } from '../../../base/dtype.js';
import type { Value } from '../../../ir/graph.js';
import { bool } from '../lower/items.js';
import type { Lowering, ScalarArg } from '../lower/lowering.js';
import { shapeOf } from '../lower/views.js';
import type { Args } from './bind.js';
import type { Family, Handler } from './declare.js';
import { floatType, operand, promote } from './promote.js';

/** Operators of the graph of the same meaning, on floats; integers become f32. */
const FLOAT_FUNCTIONS = {
  exp: 'exp',
  exp2: 'exp2',
  expm1: 'expm1',
  log: 'log',
  log2: 'log2',
  log1p: 'log1p',
  sqrt: 'sqrt',
  rsqrt: 'rsqrt',
  reciprocal: 'reciprocal',
  sigmoid: 'sigmoid',
  tanh: 'tanh',
  erf: 'erf',
  sin: 'sin',
  cos: 'cos',
  tan: 'tan',
  asin: 'asin',
  arcsin: 'asin',
  acos: 'acos',
  arccos: 'acos',
  atan: 'atan',
  arctan: 'atan',
  sinh: 'sinh',
  cosh: 'cosh',
  asinh: 'asinh',
  acosh: 'acosh',
  atanh: 'atanh',
  silu: 'silu',
  mish: 'mish',
  special_expit: 'sigmoid',
} as const satisfies Record<string, string>;

/** Of the operand's own type; roundings of integers change nothing. */
const SAME_TYPE = {
  neg: 'neg',
  negative: 'neg',
  abs: 'abs',
  absolute: 'abs',
  sign: 'sign',
  relu: 'relu',
} as const;
const ROUNDINGS = { floor: 'floor', ceil: 'ceil', round: 'round', trunc: 'trunc', fix: 'trunc' } as const;

export function floatOperand(c: Lowering, a: Args, name = 'self'): Value {
  const t = a.tensor(name);
  return operand(c, t, floatType(t.dtype));
}

const rounding =
  (op: string): Handler =>
  (c, a) => {
    const x = c.value(a.tensor('self'));
    return isFloat(x.type.dtype) ? c.one(op, [x]) : x;
  };

export function clampValue(
  c: Lowering,
  x: Value,
  low: ScalarArg | undefined,
  high: ScalarArg | undefined,
): Value {
  const { dtype } = x.type;
  const above = low === undefined ? x : c.one('max', [x, c.scalarValue(low, dtype)]);
  return high === undefined ? above : c.one('min', [above, c.scalarValue(high, dtype)]);
}

export function clampNumbers(c: Lowering, x: Value, low: number, high: number): Value {
  return clampValue(c, x, { kind: 'float', value: low }, { kind: 'float', value: high });
}

const clamp: Handler = (c, a) => {
  const bounds = [a.scalarOr('min'), a.scalarOr('max')] as const;
  const present = bounds.filter((s) => s !== undefined);
  const t = a.tensor('self');
  return clampValue(c, operand(c, t, promote([t, ...present])), ...bounds);
};

const clampTensors: Handler = (c, a) => {
  const [x, low, high] = [a.tensor('self'), a.optional('min'), a.optional('max')];
  const dtype = promote([x, ...[low, high].filter((t) => t !== undefined)]);
  let value = operand(c, x, dtype);
  if (low !== undefined) value = c.one('max', [value, operand(c, low, dtype)]);
  return high === undefined ? value : c.one('min', [value, operand(c, high, dtype)]);
};

/** min(max(x + 3, 0), 6) / 6, times x for the swish. */
function hardGate(c: Lowering, x: Value): Value {
  const { dtype } = x.type;
  return clampNumbers(c, c.one('add', [x, c.constantF(dtype, 3)]), 0, 6);
}

const scaled = (c: Lowering, x: Value, factor: number): Value =>
  factor === 1 ? x : c.one('mul', [x, c.constantF(x.type.dtype, factor)]);

export function elu(c: Lowering, x: Value, alpha: number, scale: number, inputScale: number): Value {
  if (inputScale === 1) return scaled(c, c.one('elu', [x], { alpha }), scale);
  const negative = c.one('elu', [scaled(c, x, inputScale)], { alpha });
  const positive = c.one('gt', [x, c.constantF(x.type.dtype, 0)]);
  return scaled(c, c.one('where', [positive, x, negative]), scale);
}

/** log(1 + exp(beta x)) / beta, and x itself where beta x is beyond the threshold. */
const softplus: Handler = (c, a) => {
  const x = floatOperand(c, a);
  const [beta, threshold] = [a.number('beta'), a.number('threshold')];
  const inner = scaled(c, x, beta);
  const soft = scaled(c, c.one('softplus', [inner]), 1 / beta);
  // Beyond 20 the two agree to the last bit of fp32.
  if (threshold >= 20) return soft;
  return c.one('where', [c.one('gt', [inner, c.constantF(x.type.dtype, threshold)]), x, soft]);
};

const prelu: Handler = (c, a) => {
  const x = c.value(a.tensor('self'));
  const w = a.tensor('weight');
  const rank = shapeOf(x).length;
  const slope = c.cast(c.value(w), x.type.dtype);
  const count = w.shape.reduce((n, d) => n * d, 1);
  const shaped =
    rank < 2 || count === 1
      ? c.reshape(slope, rank === 0 ? [] : [count])
      : c.reshape(slope, [count, ...new Array<number>(rank - 2).fill(1)]);
  const negative = c.one('mul', [x, shaped]);
  return c.one('where', [c.one('gt', [x, c.constantF(x.type.dtype, 0)]), x, negative]);
};

const glu: Handler = (c, a) => {
  const x = floatOperand(c, a);
  const shape = shapeOf(x);
  const axis = (a.number('dim') + shape.length) % Math.max(1, shape.length);
  const half = Math.floor((shape[axis] ?? 0) / 2);
  const part = (start: number): Value =>
    c.one('slice', [x], {
      starts: shape.map((_, i) => (i === axis ? start : 0)),
      sizes: shape.map((n, i) => (i === axis ? half : n)),
      steps: shape.map(() => 1),
    });
  return c.one('mul', [part(0), c.one('sigmoid', [part(half)])]);
};

const gelu: Handler = (c, a) =>
  c.one(a.text('approximate') === 'tanh' ? 'gelu_tanh' : 'gelu', [floatOperand(c, a)]);

const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;
const LOG10_E = Math.LOG10E;

/** Elements within [-lambda, lambda] become 0; soft: the others move towards 0 by lambda. */
const shrink =
  (soft: boolean): Handler =>
  (c, a) => {
    const x = floatOperand(c, a);
    const number = (n: number): Value => c.constantF(x.type.dtype, n);
    const lambda = a.number('lambd');
    const up = c.one('gt', [x, number(lambda)]);
    const down = c.one('lt', [x, number(-lambda)]);
    const kept = soft ? c.one('add', [x, number(lambda)]) : x;
    const lower = c.one('where', [down, kept, number(0)]);
    return c.one('where', [up, soft ? c.one('sub', [x, number(lambda)]) : x, lower]);
  };

/** Dropout does nothing in inference; E4313 where the model asks for training. */
const dropout: Handler = (c, a) => {
  if (a.number('p') !== 0 && a.flag('train'))
    throw c.refuse(
      'E4313',
      'dropout is applied in training mode, whose results are random',
      'call eval() on the model before saving it',
    );
  return a.tensor('input');
};

export const ACTIVATIONS: Family = {
  ...Object.fromEntries(
    Object.entries(FLOAT_FUNCTIONS).map(([name, op]): [string, Handler] => [
      `${name}(Tensor self)`,
      (c, a) => c.one(op, [floatOperand(c, a)]),
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(SAME_TYPE).map(([name, op]): [string, Handler] => [
      `${name}(Tensor self)`,
      (c, a) => c.one(op, [c.value(a.tensor('self'))]),
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(ROUNDINGS).map(([name, op]): [string, Handler] => [`${name}(Tensor self)`, rounding(op)]),
  ),
  'log10(Tensor self)': (c, a) => scaled(c, c.one('log', [floatOperand(c, a)]), LOG10_E),
  'erfc(Tensor self)': (c, a) => {
    const x = floatOperand(c, a);
    return c.one('sub', [c.constantF(x.type.dtype, 1), c.one('erf', [x])]);
  },
  'square(Tensor self)': (c, a) => {
    const x = c.value(a.tensor('self'));
    return c.one('mul', [x, x]);
  },
  'frac(Tensor self)': (c, a) => {
    const x = c.value(a.tensor('self'));
    return c.one('sub', [x, c.one('trunc', [x])]);
  },
  'isnan(Tensor self)': (c, a) => c.one('isnan', [floatOperand(c, a)]),
  'isinf(Tensor self)': (c, a) => c.one('isinf', [floatOperand(c, a)], { negative: true, positive: true }),
  'isfinite(Tensor self)': (c, a) => {
    const x = floatOperand(c, a);
    const inf = c.one('isinf', [x], { negative: true, positive: true });
    return c.one('not', [c.one('or', [inf, c.one('isnan', [x])])]);
  },
  'nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None)': (c, a) => {
    const x = floatOperand(c, a);
    const number = (n: number): Value => c.constantF(x.type.dtype, n);
    const clean = c.one('where', [c.one('isnan', [x]), number(a.numberOr('nan') ?? 0), x]);
    const largest = 3.4028234663852886e38;
    const above = c.one('isinf', [clean], { negative: false, positive: true });
    const below = c.one('isinf', [clean], { negative: true, positive: false });
    const upper = c.one('where', [above, number(a.numberOr('posinf') ?? largest), clean]);
    return c.one('where', [below, number(a.numberOr('neginf') ?? -largest), upper]);
  },
  'clamp(Tensor self, Scalar? min=None, Scalar? max=None)': clamp,
  'clamp(Tensor self, Tensor? min=None, Tensor? max=None)': clampTensors,
  'clip(Tensor self, Scalar? min=None, Scalar? max=None)': clamp,
  'clamp_min(Tensor self, Scalar min)': (c, a) =>
    clampValue(c, c.value(a.tensor('self')), a.scalar('min'), undefined),
  'clamp_max(Tensor self, Scalar max)': (c, a) =>
    clampValue(c, c.value(a.tensor('self')), undefined, a.scalar('max')),
  'hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1)': (c, a) =>
    clampValue(c, c.value(a.tensor('self')), a.scalar('min_val'), a.scalar('max_val')),
  'relu6(Tensor self)': (c, a) => clampNumbers(c, c.value(a.tensor('self')), 0, 6),
  'hardsigmoid(Tensor self)': (c, a) => scaled(c, hardGate(c, floatOperand(c, a)), 1 / 6),
  'hardswish(Tensor self)': (c, a) => {
    const x = floatOperand(c, a);
    return c.one('mul', [x, scaled(c, hardGate(c, x), 1 / 6)]);
  },
  'leaky_relu(Tensor self, Scalar negative_slope=0.01)': (c, a) =>
    c.one('leaky_relu', [floatOperand(c, a)], { alpha: a.number('negative_slope') }),
  'rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.3333333333333333, bool training=False, Generator? generator=None)':
    (c, a) =>
      c.one('leaky_relu', [floatOperand(c, a)], { alpha: (a.number('lower') + a.number('upper')) / 2 }),
  'elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1)': (c, a) =>
    elu(c, floatOperand(c, a), a.number('alpha'), a.number('scale'), a.number('input_scale')),
  'celu(Tensor self, Scalar alpha=1.0)': (c, a) =>
    elu(c, floatOperand(c, a), a.number('alpha'), 1, 1 / a.number('alpha')),
  'selu(Tensor self)': (c, a) => elu(c, floatOperand(c, a), SELU_ALPHA, SELU_SCALE, 1),
  'gelu(Tensor self, *, str approximate="none")': gelu,
  'softplus(Tensor self, Scalar beta=1, Scalar threshold=20)': softplus,
  'log_sigmoid(Tensor self)': (c, a) =>
    c.one('neg', [c.one('softplus', [c.one('neg', [floatOperand(c, a)])])]),
  'threshold(Tensor self, Scalar threshold, Scalar value)': (c, a) => {
    const x = c.value(a.tensor('self'));
    const { dtype } = x.type;
    const above = c.one('gt', [x, c.scalarValue(a.scalar('threshold'), dtype)]);
    return c.one('where', [above, x, c.scalarValue(a.scalar('value'), dtype)]);
  },
  'hardshrink(Tensor self, Scalar lambd=0.5)': shrink(false),
  'softshrink(Tensor self, Scalar lambd=0.5)': shrink(true),
  'prelu(Tensor self, Tensor weight)': prelu,
  'glu(Tensor self, int dim=-1)': glu,
  'logit(Tensor self, float? eps=None)': (c, a) => {
    const x = floatOperand(c, a);
    const eps = a.numberOr('eps');
    const inner = eps === undefined ? x : clampNumbers(c, x, eps, 1 - eps);
    return c.one('log', [c.one('div', [inner, c.one('sub', [c.constantF(x.type.dtype, 1), inner])])]);
  },
  'dropout(Tensor input, float p, bool train)': dropout,
  'feature_dropout(Tensor input, float p, bool train)': dropout,
  'alpha_dropout(Tensor input, float p, bool train)': dropout,
  'feature_alpha_dropout(Tensor input, float p, bool train)': dropout,
  'is_floating_point(Tensor self)': (_c, a) => bool(isFloat(a.tensor('self').dtype)),
  'is_complex(Tensor self)': () => bool(false),
};
