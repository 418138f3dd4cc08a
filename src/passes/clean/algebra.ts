// Arithmetic that says less than it could: neutral operands, inverse functions, powers with names, casts of casts. Every rule
// gives the same numbers for every operand, but for the sign of a zero.
import { DTYPES, type DType, dtypeKind, isFloat } from '../../base/dtype.js';
import type { Node, Value } from '../../ir/graph.js';
import { sameType } from '../../ir/type.js';
import {
  bothWays,
  dimsOf,
  isFloatValue,
  madeBy,
  scalarOf,
  smallNumbers,
  variableAndConstant,
} from '../match.js';
import type { Pass } from '../pass.js';
import { applyRules, type Rule, type RuleTable } from '../rules.js';

const operand = (node: Node, i = 0): Value => node.inputs[i] as Value;
const result = (node: Node): Value => node.outputs[0] as Value;

/** x for op(x, neutral), where x has the result's type already. */
const neutral =
  (value: number, sides: readonly (0 | 1)[]): Rule =>
  (node) => {
    for (const side of sides) {
      const x = operand(node, 1 - side);
      if (scalarOf(operand(node, side)) === value && sameType(x.type, result(node).type)) return x;
    }
    return undefined;
  };
const BOTH: readonly (0 | 1)[] = [0, 1];
const RIGHT: readonly (0 | 1)[] = [1];

/** outer(inner(x)) is the given operator of x; '' for x itself. */
const composed =
  (inner: string, op: string): Rule =>
  (node, rw) => {
    const x = madeBy(operand(node), inner)?.inputs[0];
    if (x === undefined) return undefined;
    return op === '' ? x : rw.builder.one(op, [x], node.attrs);
  };

/** x - c is x + (-c): one form for constants to merge in. */
const subtractConstant: Rule = (node, rw) => {
  const [x, c] = [operand(node), operand(node, 1)];
  if (!isFloatValue(x) || smallNumbers(c) === undefined || smallNumbers(x) !== undefined) return undefined;
  return rw.builder.one('add', [x, rw.builder.one('neg', [c])]);
};

const addNegative: Rule = (node, rw) => {
  for (const [a, b] of bothWays(node)) {
    const y = rw.soleProducer(b, 'neg')?.inputs[0];
    if (y !== undefined) return rw.builder.one('sub', [a, y]);
  }
  return undefined;
};

const subtractNegative: Rule = (node, rw) => {
  const y = rw.soleProducer(operand(node, 1), 'neg')?.inputs[0];
  return y && rw.builder.one('add', [operand(node), y]);
};

const squareOfSelf: Rule = (node, rw) =>
  operand(node) === operand(node, 1) ? rw.builder.one('square', [operand(node)]) : undefined;

/** Whether dividing by it is multiplying by its reciprocal, both being exact. */
function isPowerOfTwo(x: number): boolean {
  let m = Math.abs(x);
  if (!(m >= 1e-30 && m <= 1e30)) return false;
  while (m > 1) m /= 2;
  while (m < 1) m *= 2;
  return m === 1;
}

const divide: Rule = (node, rw) => {
  const [x, c] = [operand(node), operand(node, 1)];
  if (!isFloatValue(x)) return undefined;
  if (scalarOf(x) === 1 && sameType(c.type, result(node).type)) return rw.builder.one('reciprocal', [c]);
  const numbers = smallNumbers(c);
  if (numbers === undefined || !Array.from(numbers).every(isPowerOfTwo)) return undefined;
  return rw.builder.one('mul', [x, rw.builder.one('reciprocal', [c])]);
};

/** Powers that have an operator of their own, by exponent. */
const POWERS = new Map<number, string>([
  [2, 'square'],
  [0.5, 'sqrt'],
  [-0.5, 'rsqrt'],
  [-1, 'reciprocal'],
]);

const power: Rule = (node, rw) => {
  const x = operand(node);
  const exponent = scalarOf(operand(node, 1));
  if (exponent === undefined || !sameType(x.type, result(node).type)) return undefined;
  if (exponent === 1) return x;
  if (!isFloatValue(x)) return undefined;
  const name = POWERS.get(exponent);
  if (name !== undefined) return rw.builder.one(name, [x]);
  if (exponent === 3) return rw.builder.one('mul', [x, rw.builder.one('square', [x])]);
  return undefined;
};

/** max(x, 0). */
const rectified: Rule = (node, rw) => {
  const pair = variableAndConstant(node);
  if (pair === undefined || scalarOf(pair[1]) !== 0 || !sameType(pair[0].type, result(node).type))
    return undefined;
  return rw.builder.one('relu', [pair[0]]);
};

const sameOperands: Rule = (node) => (operand(node) === operand(node, 1) ? operand(node) : undefined);

/** A condition that is constant chooses an operand; so does one that cannot matter. */
const chosen: Rule = (node, rw) => {
  const [condition, a, b] = [operand(node), operand(node, 1), operand(node, 2)];
  const numbers = smallNumbers(condition);
  const first = numbers?.[0];
  const decided = numbers !== undefined && Array.from(numbers).every((x) => x === first);
  const value = a === b ? a : decided && numbers.length > 0 ? (first === 0 ? b : a) : undefined;
  const shape = dimsOf(result(node));
  if (value === undefined || shape === undefined) return undefined;
  return rw.builder.one('broadcast', [value], { shape });
};

/** not(a < b) and its like, for integers and bool; of floats only equality has an exact opposite (NaN). */
const OPPOSITE: Readonly<Record<string, string>> = {
  eq: 'ne',
  ne: 'eq',
  lt: 'ge',
  ge: 'lt',
  gt: 'le',
  le: 'gt',
};

const negatedTest: Rule = (node, rw) => {
  for (const [op, opposite] of Object.entries(OPPOSITE)) {
    const test = rw.soleProducer(operand(node), op);
    if (test === undefined) continue;
    const total = op === 'eq' || op === 'ne' || !isFloat(operand(test).type.dtype);
    return total ? rw.builder.one(opposite, test.inputs) : undefined;
  }
  return undefined;
};

/** Digits that a float type holds of an integer. */
const MANTISSA: Partial<Record<DType, number>> = { f64: 53, f32: 24, f16: 11, bf16: 8 };

/** Whether every value of `a` is one of `b`. */
function isWider(a: DType, b: DType): boolean {
  const [from, to] = [dtypeKind(a), dtypeKind(b)];
  const [bitsA, bitsB] = [DTYPES[a].bits, DTYPES[b].bits];
  if (a === b || from === 'bool') return to !== 'bool' || a === b;
  if (from === 'float') return b === 'f64' ? isFloat(a) : b === 'f32' && (a === 'f16' || a === 'bf16');
  if (to === 'float') return bitsA - (from === 'int' ? 1 : 0) <= (MANTISSA[b] ?? 0);
  if (from === to) return bitsB >= bitsA;
  return from === 'uint' && to === 'int' && bitsB > bitsA;
}

/** A cast of a widening cast goes back, or the whole way at once where that rounds, wraps and saturates alike. */
const castOfCast: Rule = (node, rw) => {
  const inner = madeBy(operand(node), 'cast');
  const x = inner?.inputs[0];
  if (x === undefined || !isWider(x.type.dtype, operand(node).type.dtype)) return undefined;
  const to = result(node).type.dtype;
  if (to === x.type.dtype) return x;
  const [from, between] = [x.type.dtype, operand(node).type.dtype];
  const alike = isFloat(to) || to === 'bool' || from === 'bool' || isFloat(from) === isFloat(between);
  return alike ? rw.builder.one('cast', [x], node.attrs) : undefined;
};

const minusTimesConstant: Rule = (node, rw) => {
  const pair = variableAndConstant(node);
  const x = pair && rw.soleProducer(pair[0], 'neg')?.inputs[0];
  if (pair === undefined || x === undefined || !isFloatValue(x)) return undefined;
  return rw.builder.one('mul', [x, rw.builder.one('neg', [pair[1]])]);
};

const RULES: RuleTable = {
  add: [neutral(0, BOTH), addNegative],
  sub: [neutral(0, RIGHT), subtractConstant, subtractNegative],
  mul: [neutral(1, BOTH), squareOfSelf, minusTimesConstant],
  div: [neutral(1, RIGHT), divide],
  pow: [power],
  max: [sameOperands, neutral(-Infinity, BOTH), rectified],
  min: [sameOperands, neutral(Infinity, BOTH)],
  and: [sameOperands, neutral(1, BOTH)],
  or: [sameOperands, neutral(0, BOTH)],
  neg: [
    composed('neg', ''),
    (node, rw) => {
      const difference = rw.soleProducer(operand(node), 'sub');
      return difference && isFloatValue(operand(node))
        ? rw.builder.one('sub', [operand(difference, 1), operand(difference)])
        : undefined;
    },
  ],
  not: [composed('not', ''), negatedTest],
  bitnot: [composed('bitnot', '')],
  abs: [
    composed('abs', 'abs'),
    composed('neg', 'abs'),
    (node) => (madeBy(operand(node), 'relu') ? operand(node) : undefined),
  ],
  square: [composed('abs', 'square'), composed('neg', 'square')],
  relu: [composed('relu', 'relu')],
  reciprocal: [composed('sqrt', 'rsqrt')],
  where: [chosen],
  cast: [castOfCast],
};

export const ALGEBRA: Pass = {
  name: 'algebra',
  theme: 'clean',
  level: 1,
  doc: 'Neutral operands, inverse functions, powers with a name, divisions by powers of two, casts of casts, constant conditions.',
  run: (graph, context) => applyRules(graph, context, RULES),
};
