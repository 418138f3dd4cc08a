// op(a, b) of DVE and POOL on numbers, in fp32 (each operation rounded once) and in exact 32-bit integers, and the
// reductions of a row. The orders of summation defined here are part of the machine (functions.ts).
import { pow } from '../../../base/elementary.js';
import type { AluOp, ReduceOp } from '../../../isa/functions.js';
import { trap } from '../../trap.js';
import { DOMAIN_RANGE, type Domain } from '../domain.js';

type Binary = (a: number, b: number) => number;
const bit = (x: boolean): number => (x ? 1 : 0);

function floorModulo(a: number, b: number): number {
  const r = a % b;
  return r !== 0 && r < 0 !== b < 0 ? r + b : r;
}

/** What means the same in every domain. */
const COMMON = {
  bypass: (a) => a,
  max: (a, b) => Math.max(a, b),
  min: (a, b) => Math.min(a, b),
  eq: (a, b) => bit(a === b),
  ne: (a, b) => bit(a !== b),
  lt: (a, b) => bit(a < b),
  le: (a, b) => bit(a <= b),
  gt: (a, b) => bit(a > b),
  ge: (a, b) => bit(a >= b),
  logical_and: (a, b) => bit(a !== 0 && b !== 0),
  logical_or: (a, b) => bit(a !== 0 || b !== 0),
  logical_xor: (a, b) => bit((a !== 0) !== (b !== 0)),
} as const satisfies Partial<Record<AluOp, Binary>>;

type BitOp = 'and' | 'or' | 'xor' | 'shl' | 'shr' | 'sar';

/** In fp32; results are rounded by `alu`. */
const FLOAT: Readonly<Record<Exclude<AluOp, BitOp>, Binary>> = {
  ...COMMON,
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  pow: (a, b) => pow(a, b),
  mod: (a, b) => a % b,
  floormod: floorModulo,
  floordiv: (a, b) => Math.floor(Math.fround(a / b)),
};

/** base ** exponent as a double, exact while it fits 32 bits; a negative exponent truncates, 0 to it gives 0. */
function integerPower(base: number, exponent: number): number {
  if (exponent < 0) return base === 1 ? 1 : base === -1 ? (exponent % 2 === 0 ? 1 : -1) : 0;
  if (exponent > 64 && Math.abs(base) > 1) return base < 0 && exponent % 2 !== 0 ? -Infinity : Infinity;
  let result = 1;
  for (let n = base === -1 ? exponent % 2 : Math.min(exponent, 64); n > 0; n--) result *= base;
  return result;
}

function wrappingPower(base: number, exponent: number): number {
  if (exponent < 0) return integerPower(base, exponent);
  let result = 1;
  for (let n = exponent, square = base; n > 0; n = Math.floor(n / 2), square = Math.imul(square, square)) {
    if (n % 2 !== 0) result = Math.imul(result, square);
  }
  return result;
}

/** In integers; results are wrapped by `alu`. Shift counts are unsigned, 32 and over shift everything out. */
const INTEGER: Readonly<Record<AluOp, Binary>> = {
  ...COMMON,
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: Math.imul,
  divide: (a, b) => (b === 0 ? 0 : Math.trunc(a / b)),
  pow: wrappingPower,
  mod: (a, b) => (b === 0 ? 0 : a % b),
  floormod: (a, b) => (b === 0 ? 0 : floorModulo(a, b)),
  floordiv: (a, b) => (b === 0 ? 0 : Math.floor(a / b)),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => (b >>> 0 > 31 ? 0 : a << b),
  shr: (a, b) => (b >>> 0 > 31 ? 0 : a >>> b),
  sar: (a, b) => a >> (b >>> 0 > 31 ? 31 : b),
};

/** The same without wrapping, as doubles (far outside 32 bits they may be rounded: only their range is looked at). */
const UNWRAPPED: Readonly<Partial<Record<AluOp, Binary>>> = {
  multiply: (a, b) => a * b,
  pow: integerPower,
  shl: (a, b) => (a === 0 ? 0 : b >>> 0 > 31 ? Infinity : a * ((1 << b) >>> 0)),
  shr: (a) => a,
};

/** op in a domain; with `exact`, a result that the integer domain does not hold traps (E1404). */
export function alu(op: AluOp, domain: Domain, exact = false): Binary {
  if (domain === 'f32') {
    const f = FLOAT[op as Exclude<AluOp, BitOp>];
    return (a, b) => Math.fround(f(a, b));
  }
  const f = INTEGER[op];
  const wrap = domain === 'u32' ? (x: number) => x >>> 0 : (x: number) => x | 0;
  if (!exact || op === 'shr') return (a, b) => wrap(f(a, b));
  const full = UNWRAPPED[op] ?? f;
  const [least, greatest] = DOMAIN_RANGE[domain];
  return (a, b) => {
    const result = full(a, b);
    if (result < least || result > greatest) throw trap('narrowing', `${op}(${a}, ${b}) overflows ${domain}`);
    return wrap(f(a, b));
  };
}

const LANES = 8;
const FLOAT_IDENTITY: Readonly<Partial<Record<ReduceOp, number>>> = {
  add: -0,
  multiply: 1,
  max: -Infinity,
  min: Infinity,
};

/**
 * Reduction of values[from .. from + count). fp32: element i goes to lane i mod 8, each lane runs in ascending order from the
 * identity (-0 for add), then lanes are combined as ((0,4),(2,6)),((1,5),(3,7)). Integers: ascending, wrapping or trapping.
 */
export function reduceRun(
  op: ReduceOp,
  domain: Domain,
  values: Float64Array,
  from: number,
  count: number,
  exact = false,
): number {
  const f = alu(op, domain, exact);
  if (domain !== 'f32') {
    let result = values[from] ?? 0;
    for (let i = 1; i < count; i++) result = f(result, values[from + i]!);
    return result;
  }
  const lanes = new Float64Array(LANES).fill(FLOAT_IDENTITY[op] ?? 0);
  for (let i = 0; i < count; i++) lanes[i % LANES] = f(lanes[i % LANES]!, values[from + i]!);
  const pair = (i: number) => f(lanes[i]!, lanes[i + 4]!);
  return f(f(pair(0), pair(2)), f(pair(1), pair(3)));
}
