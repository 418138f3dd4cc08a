// op(a, b) over rows in fp32, each operation rounded, NaN canonical. Operation numbers are indices in ALU_OPS. An operand steps
// by 16 bytes for four elements, or by 0 where one value (repeated in four lanes) serves the whole row.
import { pow as pow64 } from './elementary';
import { canonical, canonicalLanes } from './convert';

export const BYPASS: i32 = 0;
export const ADD: i32 = 1;
export const SUBTRACT: i32 = 2;
export const MULTIPLY: i32 = 3;
export const DIVIDE: i32 = 4;
export const MAX: i32 = 5;
export const MIN: i32 = 6;
export const POW: i32 = 7;
export const MOD: i32 = 8;
export const FLOORMOD: i32 = 9;
export const FLOORDIV: i32 = 10;
export const EQ: i32 = 11;
export const NE: i32 = 12;
export const LT: i32 = 13;
export const LE: i32 = 14;
export const GT: i32 = 15;
export const GE: i32 = 16;
export const AND: i32 = 17;
export const OR: i32 = 18;
export const XOR: i32 = 19;
export const SHL: i32 = 20;
export const SHR: i32 = 21;
export const SAR: i32 = 22;
export const LOGICAL_AND: i32 = 23;
export const LOGICAL_OR: i32 = 24;
export const LOGICAL_XOR: i32 = 25;

// @ts-ignore: decorator
@inline
function compareLanes(op: i32, a: v128, b: v128): v128 {
  if (op == EQ) return f32x4.eq(a, b);
  if (op == NE) return f32x4.ne(a, b);
  if (op == LT) return f32x4.lt(a, b);
  if (op == LE) return f32x4.le(a, b);
  if (op == GT) return f32x4.gt(a, b);
  if (op == GE) return f32x4.ge(a, b);
  const left = f32x4.ne(a, f32x4.splat(0)), right = f32x4.ne(b, f32x4.splat(0));
  if (op == LOGICAL_AND) return v128.and(left, right);
  if (op == LOGICAL_OR) return v128.or(left, right);
  return v128.xor(left, right);
}

/** Four results, a NaN as the CPU makes it; `op` is constant where this is inlined, so one branch stays. */
// @ts-ignore: decorator
@inline
export function rawLanes(op: i32, a: v128, b: v128): v128 {
  if (op == BYPASS) return a;
  if (op == ADD) return f32x4.add(a, b);
  if (op == SUBTRACT) return f32x4.sub(a, b);
  if (op == MULTIPLY) return f32x4.mul(a, b);
  if (op == DIVIDE) return f32x4.div(a, b);
  if (op == MAX) return f32x4.max(a, b);
  if (op == MIN) return f32x4.min(a, b);
  if (op == FLOORDIV) return f32x4.floor(f32x4.div(a, b));
  return v128.and(compareLanes(op, a, b), f32x4.splat(1));
}

/** Four results as they are stored. */
// @ts-ignore: decorator
@inline
export function floatLanes(op: i32, a: v128, b: v128): v128 {
  const result = rawLanes(op, a, b);
  return op <= FLOORDIV ? canonicalLanes(result) : result;
}

// @ts-ignore: decorator
@inline
function loop(op: i32, out: usize, a: usize, aStep: usize, b: usize, bStep: usize, count: i32): void {
  for (; count >= 4; count -= 4) {
    v128.store(out, floatLanes(op, v128.load(a), v128.load(b)));
    out += 16;
    a += aStep;
    b += bStep;
  }
  for (; count > 0; --count) {
    v128.store32_lane(out, floatLanes(op, v128.load32_zero(a), v128.load32_zero(b)), 0);
    out += 4;
    a += aStep >> 2;
    b += bStep >> 2;
  }
}

function floorModulo(a: f32, b: f32): f32 {
  const r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/** The operations that have no vector form. */
function scalarLoop(op: i32, out: usize, a: usize, aStep: usize, b: usize, bStep: usize, count: i32): void {
  for (; count > 0; --count) {
    const x = load<f32>(a), y = load<f32>(b);
    let result: f32;
    if (op == POW) result = <f32>pow64(x, y);
    else if (op == MOD) result = x % y;
    else result = floorModulo(x, y);
    store<f32>(out, canonical(result));
    out += 4;
    a += aStep >> 2;
    b += bStep >> 2;
  }
}

export function floatRow(op: i32, out: usize, a: usize, aStep: usize, b: usize, bStep: usize, count: i32): void {
  switch (op) {
    case BYPASS: return loop(BYPASS, out, a, aStep, b, bStep, count);
    case ADD: return loop(ADD, out, a, aStep, b, bStep, count);
    case SUBTRACT: return loop(SUBTRACT, out, a, aStep, b, bStep, count);
    case MULTIPLY: return loop(MULTIPLY, out, a, aStep, b, bStep, count);
    case DIVIDE: return loop(DIVIDE, out, a, aStep, b, bStep, count);
    case MAX: return loop(MAX, out, a, aStep, b, bStep, count);
    case MIN: return loop(MIN, out, a, aStep, b, bStep, count);
    case FLOORDIV: return loop(FLOORDIV, out, a, aStep, b, bStep, count);
    case EQ: return loop(EQ, out, a, aStep, b, bStep, count);
    case NE: return loop(NE, out, a, aStep, b, bStep, count);
    case LT: return loop(LT, out, a, aStep, b, bStep, count);
    case LE: return loop(LE, out, a, aStep, b, bStep, count);
    case GT: return loop(GT, out, a, aStep, b, bStep, count);
    case GE: return loop(GE, out, a, aStep, b, bStep, count);
    case LOGICAL_AND: return loop(LOGICAL_AND, out, a, aStep, b, bStep, count);
    case LOGICAL_OR: return loop(LOGICAL_OR, out, a, aStep, b, bStep, count);
    case LOGICAL_XOR: return loop(LOGICAL_XOR, out, a, aStep, b, bStep, count);
    default: scalarLoop(op, out, a, aStep, b, bStep, count);
  }
}

// @ts-ignore: decorator
@inline
function combine(op: i32, low: v128, high: v128): f32 {
  const four = rawLanes(op, low, high);
  const two = rawLanes(op, four, v128.shuffle<i32>(four, four, 2, 3, 2, 3));
  const one = rawLanes(op, two, v128.shuffle<i32>(two, two, 1, 1, 1, 1));
  return f32x4.extract_lane(one, 0);
}

/** Unrounded to a type and not yet canonical. Eight lanes from the identity, element i to lane i mod 8; then lanes (0,4) (1,5) (2,6) (3,7), (0,2) (1,3), (0,1). */
// @ts-ignore: decorator
@inline
function reduceLanes(op: i32, identity: f32, words: usize, count: i32): f32 {
  let low = f32x4.splat(identity), high = low;
  for (; count >= 8; count -= 8) {
    low = rawLanes(op, low, v128.load(words));
    high = rawLanes(op, high, v128.load(words, 16));
    words += 32;
  }
  if (count >= 4) {
    low = rawLanes(op, low, v128.load(words));
    if (count > 4) high = rawLanes(op, high, rest(identity, words + 16, count - 4));
  } else if (count > 0) low = rawLanes(op, low, rest(identity, words, count));
  return combine(op, low, high);
}

/** Up to three elements, filled up with the identity. */
// @ts-ignore: decorator
@inline
function rest(identity: f32, words: usize, count: i32): v128 {
  let lanes = v128.load32_lane(words, f32x4.splat(identity), 0);
  if (count > 1) lanes = v128.load32_lane(words, lanes, 1, 4);
  if (count > 2) lanes = v128.load32_lane(words, lanes, 2, 8);
  return lanes;
}

export function reduceFloat(op: i32, words: usize, count: i32): f32 {
  if (op == ADD) return reduceLanes(ADD, -0.0, words, count);
  if (op == MULTIPLY) return reduceLanes(MULTIPLY, 1, words, count);
  if (op == MAX) return reduceLanes(MAX, -Infinity, words, count);
  return reduceLanes(MIN, Infinity, words, count);
}
