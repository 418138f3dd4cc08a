// Python numbers: what TorchScript computes beside the tensors. Known when compiling, mostly; numbers that depend on tensor
// data go on as values of rank 0. And the questions that programs ask of their surroundings.

import { badInput } from '../../../base/diagnostic.js';
import * as elementary from '../../../base/elementary.js';
import {
  bool,
  type ConstantItem,
  display,
  float,
  type Item,
  int,
  isConstant,
  NONE,
  numberOf,
} from '../lower/items.js';
import { convertScalar, DYNAMIC_TYPES, type Lowering, type ScalarArg } from '../lower/lowering.js';
import type { Args } from './bind.js';
import type { Family, Handler } from './declare.js';

type Numeric = 'int' | 'float';

const kindOf = (s: ScalarArg): 'bool' | 'int' | 'float' => (s.kind === 'dynamic' ? s.type : s.kind);

/** A binary operator on numbers: exact on ints, in double on floats, on the graph where data decides. */
interface Binary {
  readonly ints: (a: bigint, b: bigint) => Item;
  readonly floats: (a: number, b: number) => Item;
  /** Operator of the graph. */
  readonly op: string;
  readonly result: 'same' | 'bool' | 'float';
}

/** Integers of programs have 64 bits. */
const wrapped = (n: bigint): Item => int(BigInt.asIntN(64, n));

const floorDivide = (a: bigint, b: bigint): bigint => {
  const q = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? q - 1n : q;
};
const modulo = (a: number, b: number): number => {
  const r = a % b;
  return r !== 0 && r < 0 !== b < 0 ? r + b : r;
};

/** The lesser one first; Math.min takes no bigints. */
const orderedPair = (a: bigint, b: bigint): readonly [bigint, bigint] => (a < b ? [a, b] : [b, a]);

const BINARY: Readonly<Record<string, Binary>> = {
  add: { ints: (a, b) => wrapped(a + b), floats: (a, b) => float(a + b), op: 'add', result: 'same' },
  sub: { ints: (a, b) => wrapped(a - b), floats: (a, b) => float(a - b), op: 'sub', result: 'same' },
  mul: { ints: (a, b) => wrapped(a * b), floats: (a, b) => float(a * b), op: 'mul', result: 'same' },
  div: {
    ints: (a, b) => float(Number(a) / Number(b)),
    floats: (a, b) => float(a / b),
    op: 'div',
    result: 'float',
  },
  floordiv: {
    ints: (a, b) => int(floorDivide(a, b)),
    floats: (a, b) => float(Math.floor(a / b)),
    op: 'floordiv',
    result: 'same',
  },
  remainder: {
    ints: (a, b) => int(a - b * floorDivide(a, b)),
    floats: (a, b) => float(modulo(a, b)),
    op: 'mod',
    result: 'same',
  },
  fmod: { ints: (a, b) => float(Number(a % b)), floats: (a, b) => float(a % b), op: 'fmod', result: 'float' },
  pow: {
    ints: (a, b) => (b >= 0n ? wrapped(a ** b) : float(Number(a) ** Number(b))),
    floats: (a, b) => float(elementary.pow(a, b)),
    op: 'pow',
    result: 'same',
  },
  eq: { ints: (a, b) => bool(a === b), floats: (a, b) => bool(a === b), op: 'eq', result: 'bool' },
  ne: { ints: (a, b) => bool(a !== b), floats: (a, b) => bool(a !== b), op: 'ne', result: 'bool' },
  lt: { ints: (a, b) => bool(a < b), floats: (a, b) => bool(a < b), op: 'lt', result: 'bool' },
  le: { ints: (a, b) => bool(a <= b), floats: (a, b) => bool(a <= b), op: 'le', result: 'bool' },
  gt: { ints: (a, b) => bool(a > b), floats: (a, b) => bool(a > b), op: 'gt', result: 'bool' },
  ge: { ints: (a, b) => bool(a >= b), floats: (a, b) => bool(a >= b), op: 'ge', result: 'bool' },
  max: {
    ints: (a, b) => int(orderedPair(a, b)[1]),
    floats: (a, b) => float(Math.max(a, b)),
    op: 'max',
    result: 'same',
  },
  min: {
    ints: (a, b) => int(orderedPair(a, b)[0]),
    floats: (a, b) => float(Math.min(a, b)),
    op: 'min',
    result: 'same',
  },
};

const DIVISIONS = new Set(['div', 'floordiv', 'remainder', 'fmod']);

export function binaryScalars(c: Lowering, name: string, a: ScalarArg, b: ScalarArg): Item {
  const rule = BINARY[name] as Binary;
  const type: Numeric =
    kindOf(a) === 'float' || kindOf(b) === 'float' || rule.result === 'float' ? 'float' : 'int';
  if (a.kind !== 'dynamic' && b.kind !== 'dynamic') {
    if (DIVISIONS.has(name) && numberOf(b) === 0)
      throw badInput('E3375', `the model divides ${display(a)} by zero`, c.where());
    const ints = kindOf(a) !== 'float' && kindOf(b) !== 'float';
    if (!ints) return rule.floats(numberOf(a), numberOf(b));
    if (name === 'pow' && Number(convertScalar(b, 'int').value) > 4096)
      throw badInput('E3375', 'the model raises an integer to a power beyond 4096', c.where());
    return rule.ints(convertScalar(a, 'int').value as bigint, convertScalar(b, 'int').value as bigint);
  }
  const dtype = DYNAMIC_TYPES[type];
  const [x, y] = [c.scalarValue(a, dtype), c.scalarValue(b, dtype)];
  if (rule.op === 'floordiv') {
    const difference = c.one('sub', [x, c.one('mod', [x, y])]);
    return { kind: 'dynamic', type, value: c.one('div', [difference, y]) };
  }
  const value = c.one(rule.op, [x, y]);
  return { kind: 'dynamic', type: rule.result === 'bool' ? 'bool' : type, value };
}

const FLOAT_FUNCTIONS: Readonly<Record<string, { run: (x: number) => number; op: string }>> = {
  sqrt: { run: Math.sqrt, op: 'sqrt' },
  exp: { run: elementary.exp, op: 'exp' },
  log: { run: elementary.log, op: 'log' },
  sin: { run: elementary.sin, op: 'sin' },
  cos: { run: elementary.cos, op: 'cos' },
  tan: { run: elementary.tan, op: 'tan' },
  tanh: { run: elementary.tanh, op: 'tanh' },
};

const floatFunction =
  (name: string): Handler =>
  (c, a) => {
    const s = a.scalar('a');
    const rule = FLOAT_FUNCTIONS[name] as { run: (x: number) => number; op: string };
    if (s.kind === 'dynamic')
      return { kind: 'dynamic', type: 'float', value: c.one(rule.op, [c.scalarValue(s, 'f32')]) };
    return float(rule.run(numberOf(s)));
  };

/** Roundings of Python numbers to integers. */
const rounding =
  (run: (x: number) => number, op: string): Handler =>
  (c, a) => {
    const s = a.scalar('a');
    if (kindOf(s) !== 'float') return s;
    if (s.kind === 'dynamic')
      return { kind: 'dynamic', type: 'int', value: c.cast(c.one(op, [s.value]), 'i64') };
    return convertScalar({ kind: 'float', value: run(numberOf(s)) }, 'int');
  };

const roundEven = (x: number): number => {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest !== 0.5) return Math.round(x);
  return down % 2 === 0 ? down : down + 1;
};

export function negate(c: Lowering, s: ScalarArg): Item {
  if (s.kind === 'dynamic')
    return {
      ...s,
      type: s.type === 'bool' ? 'int' : s.type,
      value: c.one('neg', [c.scalarValue(s, s.type === 'float' ? 'f32' : 'i64')]),
    };
  return s.kind === 'float' ? float(-s.value) : int(-BigInt(s.value));
}

export function notItem(c: Lowering, item: Item): Item {
  const truth = truthOf(c, item);
  return truth.kind === 'bool'
    ? bool(!truth.value)
    : { kind: 'dynamic', type: 'bool', value: c.one('not', [truth.value]) };
}

/** Truth of an item: known, or a value. */
export function truthOf(
  c: Lowering,
  item: Item,
): (ConstantItem & { kind: 'bool' }) | (Item & { kind: 'dynamic' }) {
  if (isConstant(item)) return convertScalar(item, 'bool') as ConstantItem & { kind: 'bool' };
  if (item.kind === 'dynamic') return { kind: 'dynamic', type: 'bool', value: c.scalarValue(item, 'bool') };
  if (item.kind === 'tensor') {
    const s = c.scalarOf(c.value(item), 'bool');
    return s as (ConstantItem & { kind: 'bool' }) | (Item & { kind: 'dynamic' });
  }
  if (item.kind === 'string') return { kind: 'bool', value: item.value !== '' };
  if (item.kind === 'list' || item.kind === 'tuple') return { kind: 'bool', value: item.items.length > 0 };
  if (item.kind === 'dict') return { kind: 'bool', value: item.entries.size > 0 };
  return { kind: 'bool', value: item.kind !== 'none' };
}

const logic =
  (op: 'and' | 'or' | 'xor'): Handler =>
  (c, a) => {
    const [x, y] = [a.scalar('a'), a.scalar('b')];
    if (x.kind !== 'dynamic' && y.kind !== 'dynamic') {
      const [p, q] = [numberOf(x), numberOf(y)];
      const bits = op === 'and' ? p & q : op === 'or' ? p | q : p ^ q;
      return x.kind === 'bool' && y.kind === 'bool' ? bool(bits !== 0) : int(bits);
    }
    return {
      kind: 'dynamic',
      type: 'bool',
      value: c.one(op, [c.scalarValue(x, 'bool'), c.scalarValue(y, 'bool')]),
    };
  };

const scalarArg = (a: Args, name: string): ScalarArg => a.scalar(name);

export const SCALARS: Family = {
  ...Object.fromEntries(
    Object.keys(BINARY).map((name): [string, Handler] => [
      `${name}(number a, number b)`,
      (c, a) => binaryScalars(c, name, scalarArg(a, 'a'), scalarArg(a, 'b')),
    ]),
  ),
  ...Object.fromEntries(
    Object.keys(FLOAT_FUNCTIONS).map((name): [string, Handler] => [`${name}(number a)`, floatFunction(name)]),
  ),
  'truediv(number a, number b)': (c, a) => binaryScalars(c, 'div', scalarArg(a, 'a'), scalarArg(a, 'b')),
  'floor(number a)': rounding(Math.floor, 'floor'),
  'ceil(number a)': rounding(Math.ceil, 'ceil'),
  'trunc(number a)': rounding(Math.trunc, 'trunc'),
  'round(number a)': rounding(roundEven, 'round'),
  'neg(number a)': (c, a) => negate(c, a.scalar('a')),
  'abs(number a)': (c, a) => {
    const s = a.scalar('a');
    if (s.kind === 'dynamic') return { ...s, value: c.one('abs', [s.value]) };
    return numberOf(s) < 0 ? negate(c, s) : s;
  },
  'isfinite(number a)': (_c, a) => bool(Number.isFinite(a.number('a'))),
  'isnan(number a)': (_c, a) => bool(Number.isNaN(a.number('a'))),
  'isinf(number a)': (_c, a) => bool(Math.abs(a.number('a')) === Number.POSITIVE_INFINITY),
  'Int(number a)': (c, a) => toScalar(c, a.scalar('a'), 'int'),
  'Float(number a)': (c, a) => toScalar(c, a.scalar('a'), 'float'),
  'Bool(number a)': (c, a) => toScalar(c, a.scalar('a'), 'bool'),
  'Int(str a)': (c, a) => {
    const digits = a.text('a').trim();
    if (!/^[+-]?\d{1,40}$/.test(digits))
      throw badInput('E3375', `int('${digits.slice(0, 40)}') is no number`, c.where());
    return int(BigInt(digits));
  },
  'Float(str a)': (_c, a) => float(Number(a.text('a'))),
  '__not__(t a)': (c, a) => notItem(c, a.item('a')),
  '__and__(number a, number b)': logic('and'),
  '__or__(number a, number b)': logic('or'),
  '__xor__(number a, number b)': logic('xor'),
  'is_grad_enabled()': () => bool(false),
  'set_grad_enabled(bool val)': () => NONE,
  'is_autocast_enabled(str? device_type=None)': () => bool(false),
  'is_autocast_cpu_enabled()': () => bool(false),
  'is_scripting()': () => bool(true),
  'is_tracing()': () => bool(false),
  'manual_seed(int seed)': () => NONE,
  'warn(str message, int stacklevel=2)': () => NONE,
  'get_fastpath_enabled()': () => bool(false),
};

function toScalar(c: Lowering, s: ScalarArg, type: 'int' | 'float' | 'bool'): Item {
  if (s.kind !== 'dynamic') return convertScalar(s, type);
  return { kind: 'dynamic', type, value: c.scalarValue(s, DYNAMIC_TYPES[type]) };
}
