// Elementwise arithmetic, comparison and logic of tensors with tensors and numbers, with PyTorch's type promotion.
import type { DType } from '../../../base/dtype.js';
import { isFloat } from '../../../base/dtype.js';
import type { Value } from '../../../ir/graph.js';
import type { Lowering, ScalarArg } from '../lower/lowering.js';
import type { TensorItem } from '../lower/tensor-item.js';
import type { Args } from './bind.js';
import type { Family, Handler } from './declare.js';
import { floatType, isScalarArg, operand, promote } from './promote.js';

type Operand = TensorItem | ScalarArg;

const other = (a: Args, name: string): Operand => {
  const item = a.item(name);
  return item.kind === 'tensor' ? item : a.scalar(name);
};

/** The operator over both operands in their promoted type; `of` may raise it first. */
function apply(c: Lowering, op: string, x: Operand, y: Operand, of = (t: DType): DType => t): Value {
  const dtype = of(promote([x, y]));
  return c.one(op, [operand(c, x, dtype), operand(c, y, dtype)]);
}

/** On bool, + is or and * is and. */
const ON_BOOL: Readonly<Record<string, string>> = { add: 'or', mul: 'and', max: 'or', min: 'and' };

function plain(c: Lowering, op: string, x: Operand, y: Operand): Value {
  return apply(c, promote([x, y]) === 'bool' ? (ON_BOOL[op] ?? op) : op, x, y);
}

const isOne = (s: ScalarArg): boolean => s.kind !== 'dynamic' && Number(s.value) === 1;

/** x + alpha * y, or with a minus. */
function scaledSum(c: Lowering, op: 'add' | 'sub', x: Operand, y: Operand, alpha: ScalarArg): Value {
  if (isOne(alpha)) return plain(c, op, x, y);
  const dtype = promote([x, y]);
  const scaled = c.one('mul', [operand(c, y, dtype), c.scalarValue(alpha, dtype)]);
  return c.one(op, [operand(c, x, dtype), scaled]);
}

export function divide(c: Lowering, x: Operand, y: Operand, mode: string | undefined): Value {
  const dtype = promote([x, y]);
  if (mode === undefined) return apply(c, 'div', x, y, floatType);
  const [p, q] = [operand(c, x, dtype), operand(c, y, dtype)];
  if (mode === 'trunc') {
    const quotient = c.one('div', [p, q]);
    return isFloat(dtype) ? c.one('trunc', [quotient]) : quotient;
  }
  if (isFloat(dtype)) return c.one('floor', [c.one('div', [p, q])]);
  return c.one('div', [c.one('sub', [p, c.one('mod', [p, q])]), q]);
}

/** Before version 4 of the format, `div` of integers truncated. */
const div: Handler = (c, a) => {
  const [x, y] = [a.tensor('self'), other(a, 'other')];
  const integers = c.version < 4 && !isFloat(promote([x, y]));
  return divide(c, x, y, integers ? 'trunc' : undefined);
};
const divMode: Handler = (c, a) => divide(c, a.tensor('self'), other(a, 'other'), a.textOr('rounding_mode'));

/** Powers that products and roots make exactly, and cheaper. */
function power(c: Lowering, x: Operand, y: Operand): Value {
  const dtype = promote([x, y]);
  const base = operand(c, x, dtype);
  const exponent = isScalarArg(y) && y.kind !== 'dynamic' ? Number(y.value) : Number.NaN;
  if (exponent === 1) return base;
  if (exponent === 2) return c.one('mul', [base, base]);
  if (exponent === 3) return c.one('mul', [c.one('mul', [base, base]), base]);
  if (isFloat(dtype)) {
    if (exponent === 0.5) return c.one('sqrt', [base]);
    if (exponent === -0.5) return c.one('rsqrt', [base]);
    if (exponent === -1) return c.one('reciprocal', [base]);
  }
  return c.one('pow', [base, operand(c, y, dtype)]);
}

const binary =
  (op: string): Handler =>
  (c, a) =>
    plain(c, op, a.tensor('self'), other(a, 'other'));

function logical(op: string): Handler {
  return (c, a) => c.one(op, [operand(c, a.tensor('self'), 'bool'), operand(c, other(a, 'other'), 'bool')]);
}

/** `&`, `|`, `^`: logic on bool, bits on integers. */
function bits(op: 'and' | 'or' | 'xor'): Handler {
  return (c, a) => {
    const [x, y] = [a.tensor('self'), other(a, 'other')];
    return apply(c, promote([x, y]) === 'bool' ? op : `bit${op}`, x, y);
  };
}

const shift =
  (op: 'shl' | 'shr'): Handler =>
  (c, a) =>
    apply(c, op, a.tensor('self'), other(a, 'other'));

/** Both sides of a signature: with a tensor and with a number. */
function both(name: string, handler: Handler, rest = ''): Family {
  return {
    [`${name}(Tensor self, Tensor other${rest})`]: handler,
    [`${name}(Tensor self, Scalar other${rest})`]: handler,
  };
}

function where(c: Lowering, condition: TensorItem, x: Operand, y: Operand): Value {
  const dtype = promote([x, y]);
  return c.one('where', [c.cast(c.value(condition), 'bool'), operand(c, x, dtype), operand(c, y, dtype)]);
}

const whereHandler: Handler = (c, a) => where(c, a.tensor('condition'), other(a, 'self'), other(a, 'other'));

/** self + value * (t1 op t2). */
const fused =
  (op: 'mul' | 'div'): Handler =>
  (c, a) => {
    const operands = ['self', 'tensor1', 'tensor2'].map((name) => a.tensor(name));
    const dtype = promote(operands);
    const [x, p, q] = operands.map((t) => operand(c, t, dtype)) as [Value, Value, Value];
    const scale = a.scalar('value');
    const product = c.one(op, [p, q]);
    return c.one('add', [x, isOne(scale) ? product : c.one('mul', [product, c.scalarValue(scale, dtype)])]);
  };

/** The angle of the point (x, y): atan of the quotient, corrected by quadrant. */
function atan2(c: Lowering, yItem: TensorItem, xItem: TensorItem): Value {
  const dtype = floatType(promote([yItem, xItem]));
  const [y, x] = [operand(c, yItem, dtype), operand(c, xItem, dtype)];
  const number = (n: number): Value => c.builder.scalar(dtype, n);
  const zero = number(0);
  const angle = c.one('atan', [c.one('div', [y, x])]);
  const turn = c.one('where', [c.one('lt', [y, zero]), number(-Math.PI), number(Math.PI)]);
  const left = c.one('where', [c.one('lt', [x, zero]), c.one('add', [angle, turn]), angle]);
  const onAxis = c.one('mul', [c.one('sign', [y]), number(Math.PI / 2)]);
  return c.one('where', [c.one('eq', [x, zero]), onAxis, left]);
}

export const ARITHMETIC: Family = {
  ...both(
    'add',
    (c, a) => scaledSum(c, 'add', a.tensor('self'), other(a, 'other'), a.scalar('alpha')),
    ', *, Scalar alpha=1',
  ),
  ...both(
    'sub',
    (c, a) => scaledSum(c, 'sub', a.tensor('self'), other(a, 'other'), a.scalar('alpha')),
    ', *, Scalar alpha=1',
  ),
  ...both(
    'subtract',
    (c, a) => scaledSum(c, 'sub', a.tensor('self'), other(a, 'other'), a.scalar('alpha')),
    ', *, Scalar alpha=1',
  ),
  ...both(
    'rsub',
    (c, a) => scaledSum(c, 'sub', other(a, 'other'), a.tensor('self'), a.scalar('alpha')),
    ', Scalar alpha=1',
  ),
  ...both('mul', binary('mul')),
  ...both('multiply', binary('mul')),
  ...both('div', div),
  ...both('div', divMode, ', *, str? rounding_mode'),
  ...both('divide', div),
  ...both('true_divide', (c, a) => divide(c, a.tensor('self'), other(a, 'other'), undefined)),
  ...both('floor_divide', (c, a) => divide(c, a.tensor('self'), other(a, 'other'), 'floor')),
  ...both('remainder', binary('mod')),
  ...both('fmod', binary('fmod')),
  'pow(Tensor self, Tensor exponent)': (c, a) => power(c, a.tensor('self'), a.tensor('exponent')),
  'pow(Tensor self, Scalar exponent)': (c, a) => power(c, a.tensor('self'), a.scalar('exponent')),
  'pow(Scalar self, Tensor exponent)': (c, a) => power(c, a.scalar('self'), a.tensor('exponent')),
  'float_power(Tensor self, Scalar exponent)': (c, a) => power(c, a.tensor('self'), a.scalar('exponent')),
  'maximum(Tensor self, Tensor other)': binary('max'),
  'minimum(Tensor self, Tensor other)': binary('min'),
  'max(Tensor self, Tensor other)': binary('max'),
  'min(Tensor self, Tensor other)': binary('min'),
  'fmax(Tensor self, Tensor other)': binary('max'),
  'fmin(Tensor self, Tensor other)': binary('min'),
  'atan2(Tensor self, Tensor other)': (c, a) => atan2(c, a.tensor('self'), a.tensor('other')),
  ...Object.fromEntries(
    ['eq', 'ne', 'lt', 'le', 'gt', 'ge'].flatMap((op) =>
      Object.entries(both(op, (c, a) => apply(c, op, a.tensor('self'), other(a, 'other')))),
    ),
  ),
  ...both('logical_and', logical('and')),
  ...both('logical_or', logical('or')),
  ...both('logical_xor', logical('xor')),
  'logical_not(Tensor self)': (c, a) => c.one('not', [operand(c, a.tensor('self'), 'bool')]),
  ...both('bitwise_and', bits('and')),
  ...both('bitwise_or', bits('or')),
  ...both('bitwise_xor', bits('xor')),
  ...both('__and__', bits('and')),
  ...both('__or__', bits('or')),
  ...both('__xor__', bits('xor')),
  ...both('bitwise_left_shift', shift('shl')),
  ...both('bitwise_right_shift', shift('shr')),
  ...both('__lshift__', shift('shl')),
  ...both('__rshift__', shift('shr')),
  'bitwise_not(Tensor self)': (c, a) => {
    const x = c.value(a.tensor('self'));
    return c.one(x.type.dtype === 'bool' ? 'not' : 'bitnot', [x]);
  },
  'where(Tensor condition, Tensor self, Tensor other)': whereHandler,
  'where(Tensor condition, Scalar self, Tensor other)': whereHandler,
  'where(Tensor condition, Tensor self, Scalar other)': whereHandler,
  'where(Tensor condition, Scalar self, Scalar other)': whereHandler,
  'masked_fill(Tensor self, Tensor mask, Scalar value)': (c, a) => maskedFill(c, a),
  'masked_fill(Tensor self, Tensor mask, Tensor value)': (c, a) => maskedFill(c, a),
  'addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1)': fused('mul'),
  'addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1)': fused('div'),
  'lerp(Tensor self, Tensor end, Scalar weight)': (c, a) => lerp(c, a),
  'lerp(Tensor self, Tensor end, Tensor weight)': (c, a) => lerp(c, a),
};

/** The element type stays the tensor's. */
function maskedFill(c: Lowering, a: Args): Value {
  const x = c.value(a.tensor('self'));
  const value = other(a, 'value');
  const mask = c.cast(c.value(a.tensor('mask')), 'bool');
  return c.one('where', [mask, operand(c, value, x.type.dtype), x]);
}

function lerp(c: Lowering, a: Args): Value {
  const [x, end, weight] = [a.tensor('self'), a.tensor('end'), other(a, 'weight')];
  const dtype = promote([x, end]);
  const from = operand(c, x, dtype);
  const difference = c.one('sub', [operand(c, end, dtype), from]);
  return c.one('add', [from, c.one('mul', [operand(c, weight, dtype), difference])]);
}
