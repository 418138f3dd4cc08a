// op(a, b) over rows in 32-bit integers, wrapping. Operation numbers and steps as in alu-float.ts.
import {
  ADD, AND, BYPASS, DIVIDE, EQ, FLOORDIV, FLOORMOD, GE, GT, LE, LOGICAL_AND, LOGICAL_OR, LOGICAL_XOR, LT, MAX, MIN, MOD,
  MULTIPLY, NE, OR, POW, SAR, SHL, SHR, SUBTRACT, XOR,
} from './alu-float';
import { SIGNED } from './convert';

// @ts-ignore: decorator
@inline
function compareLanes(op: i32, signed: bool, a: v128, b: v128): v128 {
  if (op == EQ) return i32x4.eq(a, b);
  if (op == NE) return i32x4.ne(a, b);
  if (op == LT) return signed ? i32x4.lt_s(a, b) : i32x4.lt_u(a, b);
  if (op == LE) return signed ? i32x4.le_s(a, b) : i32x4.le_u(a, b);
  if (op == GT) return signed ? i32x4.gt_s(a, b) : i32x4.gt_u(a, b);
  if (op == GE) return signed ? i32x4.ge_s(a, b) : i32x4.ge_u(a, b);
  const left = i32x4.ne(a, i32x4.splat(0)), right = i32x4.ne(b, i32x4.splat(0));
  if (op == LOGICAL_AND) return v128.and(left, right);
  if (op == LOGICAL_OR) return v128.or(left, right);
  return v128.xor(left, right);
}

// @ts-ignore: decorator
@inline
function integerLanes(op: i32, signed: bool, a: v128, b: v128): v128 {
  if (op == BYPASS) return a;
  if (op == ADD) return i32x4.add(a, b);
  if (op == SUBTRACT) return i32x4.sub(a, b);
  if (op == MULTIPLY) return i32x4.mul(a, b);
  if (op == MAX) return signed ? i32x4.max_s(a, b) : i32x4.max_u(a, b);
  if (op == MIN) return signed ? i32x4.min_s(a, b) : i32x4.min_u(a, b);
  if (op == AND) return v128.and(a, b);
  if (op == OR) return v128.or(a, b);
  if (op == XOR) return v128.xor(a, b);
  return v128.and(compareLanes(op, signed, a, b), i32x4.splat(1));
}

// @ts-ignore: decorator
@inline
function loop(op: i32, signed: bool, out: usize, a: usize, aStep: usize, b: usize, bStep: usize, count: i32): void {
  for (; count >= 4; count -= 4) {
    v128.store(out, integerLanes(op, signed, v128.load(a), v128.load(b)));
    out += 16;
    a += aStep;
    b += bStep;
  }
  for (; count > 0; --count) {
    v128.store32_lane(out, integerLanes(op, signed, v128.load32_zero(a), v128.load32_zero(b)), 0);
    out += 4;
    a += aStep >> 2;
    b += bStep >> 2;
  }
}

/** a to the power b, wrapping; a negative exponent truncates, so that only 1 and -1 give anything but 0. */
function power(base: i32, exponent: u32, signed: bool): i32 {
  if (signed && <i32>exponent < 0) return base == 1 ? 1 : base == -1 ? 1 - (<i32>(exponent & 1) << 1) : 0;
  let result = 1;
  for (; exponent != 0; exponent >>= 1) {
    if (exponent & 1) result *= base;
    base *= base;
  }
  return result;
}

/** Division in 64 bits, so that -2^31 / -1 wraps like the rest; by 0 everything gives 0. */
function quotient(op: i32, a: i64, b: i64): i32 {
  if (b == 0) return 0;
  const whole = a / b;
  const rest = a - whole * b;
  const opposed = rest != 0 && (rest < 0) != (b < 0);
  if (op == DIVIDE) return <i32>whole;
  if (op == FLOORDIV) return <i32>(opposed ? whole - 1 : whole);
  if (op == MOD) return <i32>rest;
  return <i32>(opposed ? rest + b : rest);
}

/** Shift counts are unsigned; 32 and over shift everything out. */
function shifted(op: i32, a: i32, b: u32): i32 {
  if (op == SAR) return a >> min<u32>(b, 31);
  if (b > 31) return 0;
  return op == SHL ? a << b : <i32>(<u32>a >> b);
}

function scalarLoop(op: i32, signed: bool, out: usize, a: usize, aStep: usize, b: usize, bStep: usize, count: i32): void {
  for (; count > 0; --count) {
    const x = load<i32>(a), y = load<i32>(b);
    let result: i32;
    if (op == POW) result = power(x, y, signed);
    else if (op >= SHL && op <= SAR) result = shifted(op, x, y);
    else if (signed) result = quotient(op, x, y);
    else result = quotient(op, <u32>x, <u32>y);
    store<i32>(out, result);
    out += 4;
    a += aStep >> 2;
    b += bStep >> 2;
  }
}

// @ts-ignore: decorator
@inline
function ordered(op: i32, signed: bool, out: usize, a: usize, aStep: usize, b: usize, bStep: usize, count: i32): void {
  if (signed) loop(op, true, out, a, aStep, b, bStep, count);
  else loop(op, false, out, a, aStep, b, bStep, count);
}

export function integerRow(
  op: i32, domain: i32, out: usize, a: usize, aStep: usize, b: usize, bStep: usize, count: i32,
): void {
  const signed = domain == SIGNED;
  switch (op) {
    case BYPASS: return loop(BYPASS, true, out, a, aStep, b, bStep, count);
    case ADD: return loop(ADD, true, out, a, aStep, b, bStep, count);
    case SUBTRACT: return loop(SUBTRACT, true, out, a, aStep, b, bStep, count);
    case MULTIPLY: return loop(MULTIPLY, true, out, a, aStep, b, bStep, count);
    case AND: return loop(AND, true, out, a, aStep, b, bStep, count);
    case OR: return loop(OR, true, out, a, aStep, b, bStep, count);
    case XOR: return loop(XOR, true, out, a, aStep, b, bStep, count);
    case EQ: return loop(EQ, true, out, a, aStep, b, bStep, count);
    case NE: return loop(NE, true, out, a, aStep, b, bStep, count);
    case LOGICAL_AND: return loop(LOGICAL_AND, true, out, a, aStep, b, bStep, count);
    case LOGICAL_OR: return loop(LOGICAL_OR, true, out, a, aStep, b, bStep, count);
    case LOGICAL_XOR: return loop(LOGICAL_XOR, true, out, a, aStep, b, bStep, count);
    case MAX: return ordered(MAX, signed, out, a, aStep, b, bStep, count);
    case MIN: return ordered(MIN, signed, out, a, aStep, b, bStep, count);
    case LT: return ordered(LT, signed, out, a, aStep, b, bStep, count);
    case LE: return ordered(LE, signed, out, a, aStep, b, bStep, count);
    case GT: return ordered(GT, signed, out, a, aStep, b, bStep, count);
    case GE: return ordered(GE, signed, out, a, aStep, b, bStep, count);
    default: scalarLoop(op, signed, out, a, aStep, b, bStep, count);
  }
}

/** Reduction of `count` words; the order does not matter, all operations wrap. */
export function reduceInteger(op: i32, domain: i32, words: usize, count: i32): i32 {
  if (count == 0) return 0;
  let result = load<i32>(words);
  for (let i = 1; i < count; ++i) {
    const x = load<i32>(words + (<usize>i << 2));
    if (op == ADD) result += x;
    else if (op == MULTIPLY) result *= x;
    else if (op == AND) result &= x;
    else if (op == OR) result |= x;
    else if (op == XOR) result ^= x;
    else {
      const less = domain == SIGNED ? x < result : <u32>x < <u32>result;
      if (less == (op == MIN)) result = x;
    }
  }
  return result;
}
