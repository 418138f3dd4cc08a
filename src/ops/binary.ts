// Elementwise operators of two operands, which broadcast as in numpy. Floats are computed in double and rounded once, which
// for + - * / is the correctly rounded result; integers wrap modulo their width; a division by integer zero gives 0.
import { bug } from '../base/diagnostic.js';
import { type DType, type DTypeKind, dtypeKind } from '../base/dtype.js';
import { pow } from '../base/elementary.js';
import { elementCount, type NumberArray } from '../base/tensor.js';
import { type TensorType, tensorType } from '../ir/type.js';
import { perResult } from './cost.js';
import type { OpDecl, Tolerance } from './declare.js';
import { type BigArray, loadElements, resultArray, storeElements } from './elements.js';
import { ARITHMETIC_ROWS, bigRow, bigTest, forRows, numberRow, type Row } from './rows.js';
import { FLOATS, INTEGERS, narrowerShape, randomShape, randomTensor } from './samples.js';
import { broadcastAll } from './shape-math.js';

type NumberFunction = (a: number, b: number) => number;
type BigFunction = (a: bigint, b: bigint) => bigint;

interface Binary {
  readonly doc: string;
  readonly takes: readonly DTypeKind[];
  readonly tolerance?: Tolerance;
  readonly float?: NumberFunction;
  /** In place of `float`, where it is worth a loop of its own. */
  readonly floatRow?: Row<NumberArray>;
  /** Integers of up to 32 bits, and bool. */
  readonly integer?: NumberFunction;
  /** Where unsigned integers differ. */
  readonly unsigned?: NumberFunction;
  readonly big?: BigFunction;
  /** A comparison: its result is bool. */
  readonly test?: true;
  /** Comparisons of 64-bit integers. */
  readonly bigTest?: (a: bigint, b: bigint) => number;
  /** Range of the second operand in samples. */
  readonly second?: readonly [number, number];
  /** Range of the first operand in samples. */
  readonly first?: readonly [number, number];
}

const NUMBERS: readonly DTypeKind[] = ['float', 'int', 'uint'];
const INTEGER_KINDS: readonly DTypeKind[] = ['int', 'uint'];
const EXACT: Tolerance = { relative: 0, absolute: 0 };

function floorModulo(a: number, b: number): number {
  const r = a % b;
  return r !== 0 && r < 0 !== b < 0 ? r + b : r;
}

function bigFloorModulo(a: bigint, b: bigint): bigint {
  if (b === 0n) return 0n;
  const r = a % b;
  return r !== 0n && r < 0n !== b < 0n ? r + b : r;
}

function bigGreater(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

function bigLesser(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}

/** base to the power modulo 2^32; a negative exponent truncates the true quotient, 0 to it gives 0. */
function integerPower(base: number, exponent: number): number {
  if (exponent < 0) return base === 1 ? 1 : base === -1 ? (exponent % 2 === 0 ? 1 : -1) : 0;
  let result = 1;
  for (let n = exponent, square = base; n > 0; n = Math.floor(n / 2), square = Math.imul(square, square))
    if (n % 2 !== 0) result = Math.imul(result, square);
  return result;
}

/** The same modulo 2^64. */
function bigPower(base: bigint, exponent: bigint): bigint {
  if (exponent < 0n) return base === 1n ? 1n : base === -1n ? (exponent % 2n === 0n ? 1n : -1n) : 0n;
  let result = 1n;
  for (let n = exponent, square = base; n > 0n; n >>= 1n, square = BigInt.asIntN(64, square * square))
    if ((n & 1n) !== 0n) result = BigInt.asIntN(64, result * square);
  return result;
}

/** Shift counts are unsigned; 32 (64) and more shift everything out. */
const outOfRange = (count: bigint): boolean => count < 0n || count > 63n;

const ARITHMETIC: Readonly<Record<string, Binary>> = {
  add: {
    doc: 'Sum.',
    takes: NUMBERS,
    floatRow: ARITHMETIC_ROWS.add,
    integer: (a, b) => a + b,
    big: (a, b) => a + b,
  },
  sub: {
    doc: 'Difference.',
    takes: NUMBERS,
    floatRow: ARITHMETIC_ROWS.sub,
    integer: (a, b) => a - b,
    big: (a, b) => a - b,
  },
  mul: {
    doc: 'Product.',
    takes: NUMBERS,
    floatRow: ARITHMETIC_ROWS.mul,
    integer: Math.imul,
    big: (a, b) => a * b,
  },
  div: {
    doc: 'Quotient; of integers, truncated towards zero, and 0 where the divisor is 0.',
    takes: NUMBERS,
    floatRow: ARITHMETIC_ROWS.div,
    integer: (a, b) => (b === 0 ? 0 : Math.trunc(a / b)),
    big: (a, b) => (b === 0n ? 0n : a / b),
  },
  max: {
    doc: 'The greater one; NaN where one is.',
    takes: NUMBERS,
    float: (a, b) => Math.max(a, b),
    integer: (a, b) => Math.max(a, b),
    big: bigGreater,
  },
  min: {
    doc: 'The lesser one; NaN where one is.',
    takes: NUMBERS,
    float: (a, b) => Math.min(a, b),
    integer: (a, b) => Math.min(a, b),
    big: bigLesser,
  },
  pow: {
    doc: 'a to the power b; of integers, modulo the width of the type, truncated for negative b.',
    takes: NUMBERS,
    tolerance: { relative: 1e-6, absolute: 0 },
    float: pow,
    integer: integerPower,
    big: bigPower,
    first: [0, 4],
    second: [0, 3],
  },
  fmod: {
    doc: 'Remainder of the truncated quotient: it has the sign of a. 0 where an integer b is 0.',
    takes: NUMBERS,
    float: (a, b) => a % b,
    integer: (a, b) => (b === 0 ? 0 : a % b),
    big: (a, b) => (b === 0n ? 0n : a % b),
    second: [1, 4],
  },
  mod: {
    doc: 'Remainder of the floored quotient: it has the sign of b. 0 where an integer b is 0.',
    takes: NUMBERS,
    float: floorModulo,
    integer: (a, b) => (b === 0 ? 0 : floorModulo(a, b)),
    big: bigFloorModulo,
    second: [1, 4],
  },
};

const bit = (x: boolean): number => (x ? 1 : 0);
const WITH_BOOL: readonly DTypeKind[] = ['float', 'int', 'uint', 'bool'];

function comparison(
  doc: string,
  float: NumberFunction,
  big: (a: bigint, b: bigint) => number,
  takes = NUMBERS,
): Binary {
  return { doc, takes, test: true, float, integer: float, bigTest: big };
}

const COMPARISONS: Readonly<Record<string, Binary>> = {
  eq: comparison(
    'Whether a = b.',
    (a, b) => bit(a === b),
    (a, b) => bit(a === b),
    WITH_BOOL,
  ),
  ne: comparison(
    'Whether a and b differ; true for NaN.',
    (a, b) => bit(a !== b),
    (a, b) => bit(a !== b),
    WITH_BOOL,
  ),
  lt: comparison(
    'Whether a < b.',
    (a, b) => bit(a < b),
    (a, b) => bit(a < b),
  ),
  le: comparison(
    'Whether a <= b.',
    (a, b) => bit(a <= b),
    (a, b) => bit(a <= b),
  ),
  gt: comparison(
    'Whether a > b.',
    (a, b) => bit(a > b),
    (a, b) => bit(a > b),
  ),
  ge: comparison(
    'Whether a >= b.',
    (a, b) => bit(a >= b),
    (a, b) => bit(a >= b),
  ),
};

const BOOL: readonly DTypeKind[] = ['bool'];
const COUNT: readonly [number, number] = [0, 5];

const BITS: Readonly<Record<string, Binary>> = {
  and: { doc: 'Whether both are true.', takes: BOOL, integer: (a, b) => a & b },
  or: { doc: 'Whether one is true.', takes: BOOL, integer: (a, b) => a | b },
  xor: { doc: 'Whether exactly one is true.', takes: BOOL, integer: (a, b) => a ^ b },
  bitand: { doc: 'Bits set in both.', takes: INTEGER_KINDS, integer: (a, b) => a & b, big: (a, b) => a & b },
  bitor: { doc: 'Bits set in one.', takes: INTEGER_KINDS, integer: (a, b) => a | b, big: (a, b) => a | b },
  bitxor: {
    doc: 'Bits set in exactly one.',
    takes: INTEGER_KINDS,
    integer: (a, b) => a ^ b,
    big: (a, b) => a ^ b,
  },
  shl: {
    doc: 'a shifted left by b, an unsigned count.',
    takes: INTEGER_KINDS,
    integer: (a, b) => (b >>> 0 > 31 ? 0 : a << b),
    big: (a, b) => (outOfRange(b) ? 0n : a << b),
    second: COUNT,
  },
  shr: {
    doc: 'a shifted right by b, an unsigned count; signed types keep their sign.',
    takes: INTEGER_KINDS,
    integer: (a, b) => a >> (b >>> 0 > 31 ? 31 : b),
    unsigned: (a, b) => (b >>> 0 > 31 ? 0 : a >>> b),
    big: (a, b) => (outOfRange(b) ? (a < 0n ? -1n : 0n) : a >> b),
    second: COUNT,
  },
};

/** The loop for an element type. */
type Loop = (
  a: NumberArray | BigArray,
  aShape: readonly number[],
  b: NumberArray | BigArray,
  bShape: readonly number[],
  out: NumberArray | BigArray,
  shape: readonly number[],
) => void;

function loopsOf(name: string, op: Binary): (dtype: DType) => Loop {
  const overRows = (row: Row<NumberArray> | undefined): Loop | undefined =>
    row &&
    ((a, as, b, bs, out, shape) => forRows(row, shape, a as NumberArray, as, b as NumberArray, bs, out));
  const overNumbers = (f: NumberFunction | undefined): Loop | undefined => overRows(f && numberRow(f));
  const bigs = op.bigTest ? bigTest(op.bigTest) : op.big && bigRow(op.big);
  const loops = {
    float: overRows(op.floatRow) ?? overNumbers(op.float),
    integer: overNumbers(op.integer),
    unsigned: overNumbers(op.unsigned),
    big:
      bigs &&
      (((a, as, b, bs, out, shape) =>
        forRows(bigs, shape, a as BigArray, as, b as BigArray, bs, out)) satisfies Loop),
  };
  return (dtype) => {
    const kind = dtypeKind(dtype);
    const unsigned = kind === 'uint' ? loops.unsigned : undefined;
    const loop =
      kind === 'float'
        ? loops.float
        : dtype === 'i64' || dtype === 'u64'
          ? loops.big
          : (unsigned ?? loops.integer);
    if (loop === undefined) throw bug('E1251', `${name} has no evaluator for ${dtype}`);
    return loop;
  };
}

function declare(name: string, op: Binary): OpDecl {
  const loopOf = loopsOf(name, op);
  const result = (dtype: DType): DType => (op.test ? 'bool' : dtype);
  return {
    name,
    family: 'elementwise',
    doc: op.doc,
    operands: [{ name: 'a' }, { name: 'b' }],
    attrs: {},
    infer({ inputs }, fail) {
      const [a, b] = inputs as readonly [TensorType, TensorType];
      if (a.dtype !== b.dtype) fail(`operands are of different types, ${a.dtype} and ${b.dtype}`);
      if (!op.takes.includes(dtypeKind(a.dtype))) fail(`it does not take ${a.dtype}`);
      return [tensorType(result(a.dtype), broadcastAll([a.shape, b.shape], fail))];
    },
    evaluate([a, b], _attrs, [type]) {
      if (a === undefined || b === undefined || type === undefined) return [];
      const shape = type.shape as readonly number[];
      const out = resultArray(type.dtype, elementCount(shape));
      loopOf(a.dtype)(loadElements(a), a.shape, loadElements(b), b.shape, out, shape);
      return [storeElements(type.dtype, shape, out)];
    },
    tolerance: op.tolerance ?? EXACT,
    cost: perResult(1),
    sample(random) {
      const shape = randomShape(random);
      const kinds: readonly DType[] = [...FLOATS, ...INTEGERS, 'bool'];
      const dtype = random.pick(kinds.filter((t) => op.takes.includes(dtypeKind(t))));
      const wide = random.chance(0.5);
      const a = randomTensor(random, dtype, wide ? shape : narrowerShape(random, shape), ...(op.first ?? []));
      const b = randomTensor(
        random,
        dtype,
        wide ? narrowerShape(random, shape) : shape,
        ...(op.second ?? []),
      );
      return { inputs: [a, b], attrs: {} };
    },
  };
}

export const BINARY: readonly OpDecl[] = Object.entries({ ...ARITHMETIC, ...COMPARISONS, ...BITS }).map(
  ([name, op]) => declare(name, op),
);
