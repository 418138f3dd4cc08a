// Elementary functions with the same bits on every machine: only + - * /, sqrt, floor, remainder and the bits of a
// double, in a fixed order. Computed in double, relative error about 1e-15 or better (test/base/elementary.test.ts);
// callers that work in single precision put Math.fround around the call.
// Written in the common part of TypeScript and AssemblyScript: kernels/assembly/elementary.ts compiles this very file
// to WASM, so it uses no arrays, objects, closures or library functions beyond Math.sqrt, floor and abs.
// Longer than most files because every function leans on the two reductions at its head.

import { rest, twoProduct, twoSum } from './double-double.js';
import {
  artanhTail,
  asinTail,
  atanTail,
  cosTail,
  erfcxFar,
  erfcxMiddle,
  erfcxNear,
  erfcxTail,
  erfTail,
  expTail,
  logTail,
  sinTail,
} from './elementary-polynomials.js';
import { exponentOf, isNan, powerOfTwo, significandOf } from './float-words.js';

const INF: number = Infinity;
const NOT_A_NUMBER: number = NaN;

const LN2 = Math.LN2;
/** LN2 - ln(2), negated: LN2 + LN2_REST has about 107 bits. */
const LN2_REST = 2.3190468138462996e-17;
/** ln(2) in two parts, the first of 41 bits: its product with an exponent (11 bits) is exact (Cody and Waite 1980). */
const LN2_HIGH = 0.693147180559663;
const LN2_LOW = 2.8235290563031577e-13;
const LOG2_E = Math.LOG2E;
/** 2 / ln(2) and 1/3 as pairs. */
const TWO_LOG2_E = 2.8853900817779268;
const TWO_LOG2_E_REST = 4.0710547481862066e-17;
const THIRD = 0.3333333333333333;
const THIRD_REST = 1.850371707708594e-17;

const PI = Math.PI;
const PI_REST = 1.2246467991473532e-16;
const HALF_PI = 1.5707963267948966;
const HALF_PI_REST = 6.123233995736766e-17;
const QUARTER_PI = 0.7853981633974483;
const QUARTER_PI_REST = 3.061616997868383e-17;
const TWO_PI = 6.283185307179586;
const TWO_OVER_PI = 0.6366197723675814;
/** pi/2 cut at multiples of 2^-22, 2^-45, 2^-68, 2^-91: products with a 30-bit integer are exact. */
const HALF_PI_1 = 1.570796251296997;
const HALF_PI_2 = 7.549789415861596e-8;
const HALF_PI_3 = 5.39030083589187e-15;
const HALF_PI_4 = 2.0222659584103533e-21;
const HALF_PI_5 = 2.9038559739793605e-28;

const SQRT2 = Math.SQRT2;
const SQRT_HALF = Math.SQRT1_2;
/** tan(pi/8) and tan(3 pi/8): where the arctangent changes its reduction. */
const TAN_PI_8 = 0.41421356237309503;
const TAN_3PI_8 = 2.414213562373095;

/** e^x overflows above and is zero below; with room for callers that scale the result. */
const EXP_OVERFLOW = 709.782712893384;
const EXP_UNDERFLOW = -745.1332191019412;
const SMALLEST_NORMAL = 2.2250738585072014e-308;
const TWO_54: number = 18014398509481984;
/** Beyond 2^28 a square root of x^2 + 1 is x, and beyond 2^30 pi/2 quarter turns need 31 bits. */
const TWO_28: number = 268435456;
const TRIG_LIMIT: number = 1073741824;

// ---- exponential ----------------------------------------------------------------------------------------------

/** x * 2^k without intermediate overflow or double rounding, |k| <= 2044. */
function scaled(x: number, k: number): number {
  if (k >= -1022 && k <= 1023) return x * powerOfTwo(k);
  const half = Math.floor(k / 2);
  return x * powerOfTwo(half) * powerOfTwo(k - half);
}

/** Binary exponent that the last expReduced took out. */
let expScale: number = 0;

/** e^(high + low) / 2^expScale, in about [0.7, 1.42], for |low| below an ulp of high and |high| <= 800. */
function expReduced(high: number, low: number): number {
  const k = Math.floor(high * LOG2_E + 0.5);
  const first = high - k * LN2_HIGH;
  const second = k * LN2_LOW - low;
  const r = first - second;
  const c = first - r - second;
  expScale = k;
  return 1 + (r + (r * r * expTail(r) + c * (1 + r)));
}

export function exp(x: number): number {
  if (isNan(x)) return x;
  if (x > EXP_OVERFLOW) return INF;
  if (x < EXP_UNDERFLOW) return 0;
  const p = expReduced(x, 0);
  return scaled(p, expScale);
}

/** e^x / 2, finite a little further than exp: for sinh and cosh. */
function halfExp(x: number): number {
  if (x > EXP_OVERFLOW + 1) return INF;
  const p = expReduced(x, 0);
  return scaled(p, expScale - 1);
}

/** 2^(high + low) for |high| <= 1100; exact powers come out exact. */
function exp2Pair(high: number, low: number): number {
  const k = Math.floor(high + 0.5);
  const f = twoSum(high - k, low);
  const fRest = rest;
  const r = twoProduct(f, LN2);
  const c = rest + (f * LN2_REST + fRest * LN2);
  return scaled(1 + (r + (r * r * expTail(r) + c * (1 + r))), k);
}

export function exp2(x: number): number {
  if (isNan(x)) return x;
  if (x >= 1024) return INF;
  if (x < -1075) return 0;
  return exp2Pair(x, 0);
}

/** e^x - 1, accurate for small x. */
export function expm1(x: number): number {
  if (isNan(x) || x === 0) return x;
  if (x > EXP_OVERFLOW) return INF;
  if (x < -40) return -1;
  const k = Math.floor(x * LOG2_E + 0.5);
  const first = x - k * LN2_HIGH;
  const second = k * LN2_LOW;
  const r = first - second;
  const q = r + (r * r * expTail(r) + (first - r - second));
  if (k === 0) return q;
  if (k > 56) return scaled(1 + q, k);
  return powerOfTwo(k) * (1 - powerOfTwo(-k) + q);
}

// ---- logarithm ------------------------------------------------------------------------------------------------

/** Binary exponent of the last splitFraction. */
let logScale: number = 0;

/** f with x = 2^logScale * (1 + f) and sqrt(1/2) < 1 + f <= sqrt(2), for finite x > 0. */
function splitFraction(x: number): number {
  const subnormal = x < SMALLEST_NORMAL;
  const y = subnormal ? x * TWO_54 : x;
  const e = exponentOf(y) - (subnormal ? 54 : 0);
  const m = significandOf(y);
  if (m > SQRT2) {
    logScale = e + 1;
    return m * 0.5 - 1;
  }
  logScale = e;
  return m - 1;
}

/** f - ln(1 + f), without cancellation: with s = f / (2 + f), ln(1 + f) = 2 artanh(s) and 2 s = f - s f. */
function logDeficit(f: number): number {
  const s = f / (2 + f);
  const z = s * s;
  return s * (f - z * logTail(z));
}

/** Natural logarithm. */
export function log(x: number): number {
  if (isNan(x) || x < 0) return NOT_A_NUMBER;
  if (x === 0) return -INF;
  if (x === INF) return INF;
  const f = splitFraction(x);
  const e = logScale;
  return e * LN2_HIGH + (f - (logDeficit(f) - e * LN2_LOW));
}

export function log2(x: number): number {
  if (isNan(x) || x < 0) return NOT_A_NUMBER;
  if (x === 0) return -INF;
  if (x === INF) return INF;
  const f = splitFraction(x);
  return logScale + (f - logDeficit(f)) * LOG2_E;
}

/** ln(1 + x), accurate for small x. */
export function log1p(x: number): number {
  if (isNan(x) || x < -1) return NOT_A_NUMBER;
  if (x === -1) return -INF;
  if (x === INF || x === 0) return x;
  if (x > SQRT_HALF - 1 && x < SQRT2 - 1) return x - logDeficit(x);
  const u = 1 + x;
  const lost = x > 1 ? 1 - (u - x) : x - (u - 1);
  const f = splitFraction(u);
  const e = logScale;
  return e * LN2_HIGH + (f - (logDeficit(f) - (e * LN2_LOW + lost / u)));
}

// ---- power ----------------------------------------------------------------------------------------------------

/** log2(x) of a finite x > 0 to about 100 bits below its exponent: returned part, and `rest`. */
function log2Pair(x: number): number {
  const f = splitFraction(x);
  const e = logScale;
  const d = 2 + f;
  const dRest = f - (d - 2);
  const s = f / d;
  const product = twoProduct(s, d);
  const sRest = (f - product - rest - s * dRest) / d;
  const z = twoProduct(s, s);
  const zRest = rest + 2 * s * sRest;
  // artanh(s) / s = 1 + w, w = z / 3 + z^2 * tail.
  const third = twoProduct(z, THIRD);
  const thirdRest = rest + (z * THIRD_REST + zRest * THIRD);
  const w = twoSum(third, z * z * artanhTail(z));
  const wRest = rest + thirdRest;
  const sw = twoProduct(s, w);
  const swRest = rest + (s * wRest + sRest * w);
  const g = twoSum(s, sw);
  const gRest = rest + (sRest + swRest);
  const fraction = twoProduct(g, TWO_LOG2_E);
  const fractionRest = rest + (g * TWO_LOG2_E_REST + gRest * TWO_LOG2_E);
  const sum = twoSum(e, fraction);
  return twoSum(sum, rest + fractionRest);
}

/** x^y with the special cases of IEEE 754-2019 (so pow(1, NaN) = 1 and pow(-1, infinity) = 1, as in C). */
export function pow(x: number, y: number): number {
  if (y === 0 || x === 1) return 1;
  if (isNan(x) || isNan(y)) return NOT_A_NUMBER;
  const integral = Math.floor(y) === y;
  const odd = integral && Math.abs(y) < TWO_54 && Math.floor(y / 2) * 2 !== y;
  const magnitude = Math.abs(x);
  if (magnitude === 1) return integral ? (odd ? x : 1) : NOT_A_NUMBER;
  if (Math.abs(y) === INF) return magnitude > 1 === y > 0 ? INF : 0;
  if (magnitude === 0 || magnitude === INF) {
    const result: number = magnitude > 0 === y > 0 ? INF : 0;
    return odd && (x < 0 || 1 / x < 0) ? -result : result;
  }
  if (x < 0 && !integral) return NOT_A_NUMBER;
  const high = log2Pair(magnitude);
  const low = rest;
  const estimate = y * high;
  let result: number = 0;
  if (estimate > 1100) result = INF;
  else if (estimate > -1100) {
    const product = twoProduct(y, high);
    result = exp2Pair(product, rest + y * low);
  }
  return x < 0 && odd ? -result : result;
}

// ---- circular functions ---------------------------------------------------------------------------------------

/** Rest of the last reduceQuarter, and its quadrant 0..3. */
let angleRest: number = 0;
let quadrant: number = 0;

/**
 * x less its nearest multiple of pi/2. Cody and Waite with five parts: exact products up to |x| = 2^30, beyond which
 * the remainder by the double nearest to 2 pi is taken first (finite and in phase with that period, not with 2 pi).
 */
function reduceQuarter(x: number): number {
  const y = Math.abs(x) > TRIG_LIMIT ? x % TWO_PI : x;
  if (Math.abs(y) <= QUARTER_PI) {
    quadrant = 0;
    angleRest = 0;
    return y;
  }
  const k = Math.floor(y * TWO_OVER_PI + 0.5);
  quadrant = k - 4 * Math.floor(k / 4);
  const a = twoSum(y - k * HALF_PI_1 - k * HALF_PI_2, -(k * HALF_PI_3));
  const aRest = rest;
  const b = twoSum(a, -(k * HALF_PI_4));
  const bRest = aRest + rest;
  const c = twoSum(b, -(k * HALF_PI_5));
  const r = twoSum(c, bRest + rest);
  angleRest = rest;
  return r;
}

function sinReduced(r: number, c: number): number {
  const z = r * r;
  return r + (r * z * sinTail(z) + c * (1 - 0.5 * z));
}

function cosReduced(r: number, c: number): number {
  const z = r * r;
  const half = 0.5 * z;
  const w = 1 - half;
  return w + (1 - w - half + (z * z * cosTail(z) - r * c));
}

export function sin(x: number): number {
  if (x === 0) return x;
  if (isNan(x) || Math.abs(x) === INF) return NOT_A_NUMBER;
  const r = reduceQuarter(x);
  const even = quadrant === 0 || quadrant === 2;
  const value = even ? sinReduced(r, angleRest) : cosReduced(r, angleRest);
  return quadrant >= 2 ? -value : value;
}

export function cos(x: number): number {
  if (isNan(x) || Math.abs(x) === INF) return NOT_A_NUMBER;
  const r = reduceQuarter(x);
  const even = quadrant === 0 || quadrant === 2;
  const value = even ? cosReduced(r, angleRest) : sinReduced(r, angleRest);
  return quadrant === 1 || quadrant === 2 ? -value : value;
}

export function tan(x: number): number {
  if (x === 0) return x;
  if (isNan(x) || Math.abs(x) === INF) return NOT_A_NUMBER;
  const r = reduceQuarter(x);
  const s = sinReduced(r, angleRest);
  const c = cosReduced(r, angleRest);
  return quadrant === 0 || quadrant === 2 ? s / c : -c / s;
}

/** arctan(t) for |t| <= tan(pi/8). */
function atanReduced(t: number): number {
  const z = t * t;
  return t + t * z * atanTail(z);
}

export function atan(x: number): number {
  if (x < 0) return -atan(-x);
  if (isNan(x) || x === 0) return x;
  if (x > TAN_3PI_8) return HALF_PI - (atanReduced(1 / x) - HALF_PI_REST);
  if (x > TAN_PI_8) return QUARTER_PI + (atanReduced((x - 1) / (x + 1)) + QUARTER_PI_REST);
  return atanReduced(x);
}

/** arcsin(x) for |x| <= 1/2. */
function asinReduced(x: number): number {
  const z = x * x;
  return x + x * z * asinTail(z);
}

export function asin(x: number): number {
  if (x < 0) return -asin(-x);
  if (isNan(x) || x > 1) return NOT_A_NUMBER;
  if (x === 0) return x;
  if (x <= 0.5) return asinReduced(x);
  return HALF_PI - (2 * asinReduced(Math.sqrt((1 - x) / 2)) - HALF_PI_REST);
}

export function acos(x: number): number {
  if (isNan(x) || Math.abs(x) > 1) return NOT_A_NUMBER;
  if (x > 0.5) return 2 * asinReduced(Math.sqrt((1 - x) / 2));
  if (x < -0.5) return PI - (2 * asinReduced(Math.sqrt((1 + x) / 2)) - PI_REST);
  return HALF_PI - (asinReduced(x) - HALF_PI_REST);
}

// ---- hyperbolic functions -------------------------------------------------------------------------------------

export function sinh(x: number): number {
  if (x < 0) return -sinh(-x);
  if (isNan(x) || x === 0) return x;
  if (x > 40) return halfExp(x);
  const t = expm1(x);
  return x < 1 ? 0.5 * (2 * t - (t * t) / (t + 1)) : 0.5 * (t + t / (t + 1));
}

export function cosh(x: number): number {
  if (isNan(x)) return x;
  const a = Math.abs(x);
  if (a > 40) return halfExp(a);
  const t = exp(a);
  return 0.5 * t + 0.5 / t;
}

export function tanh(x: number): number {
  if (x < 0) return -tanh(-x);
  if (isNan(x) || x === 0) return x;
  if (x > 22) return 1;
  if (x >= 1) return 1 - 2 / (expm1(2 * x) + 2);
  const t = expm1(-2 * x);
  return -t / (t + 2);
}

export function asinh(x: number): number {
  if (x < 0) return -asinh(-x);
  if (isNan(x) || x === 0 || x === INF) return x;
  if (x > TWO_28) return log(x) + LN2;
  const square = x * x;
  if (x > 2) return log(2 * x + 1 / (Math.sqrt(square + 1) + x));
  return log1p(x + square / (1 + Math.sqrt(square + 1)));
}

export function acosh(x: number): number {
  if (isNan(x) || x < 1) return NOT_A_NUMBER;
  if (x > TWO_28) return log(x) + LN2;
  if (x > 2) return log(2 * x - 1 / (x + Math.sqrt(x * x - 1)));
  const t = x - 1;
  return log1p(t + Math.sqrt(2 * t + t * t));
}

export function atanh(x: number): number {
  if (x < 0) return -atanh(-x);
  if (isNan(x) || x > 1) return NOT_A_NUMBER;
  if (x === 0) return x;
  if (x === 1) return INF;
  const twice = x + x;
  return 0.5 * log1p(x < 0.5 ? twice + (twice * x) / (1 - x) : twice / (1 - x));
}

// ---- error function -------------------------------------------------------------------------------------------

/** erfc(x) for 3/4 <= x <= 28: e^(-x^2), its argument exact as a pair, times a polynomial for the slow factor. */
function erfcLarge(x: number): number {
  let slow: number = 0;
  if (x < 1.75) slow = erfcxNear((x - 1.125) / (x + 1.125));
  else if (x < 3.25) slow = erfcxMiddle((x - 2.375) / (x + 2.375));
  else if (x < 6.5) slow = erfcxFar((x - 4.5) / (x + 4.5));
  else slow = erfcxTail(1 / (x * x)) / x;
  const square = twoProduct(x, x);
  const p = expReduced(-square, -rest);
  return scaled(p * slow, expScale);
}

export function erf(x: number): number {
  if (x < 0) return -erf(-x);
  if (isNan(x) || x === 0) return x;
  if (x > 6) return 1;
  if (x > 0.75) return 1 - erfcLarge(x);
  return x + x * erfTail(x * x);
}

/** 1 - erf(x), accurate for large x. */
export function erfc(x: number): number {
  if (isNan(x)) return x;
  if (x > 28) return 0;
  if (x > 0.75) return erfcLarge(x);
  return 1 - erf(x);
}

// ---- activation functions -------------------------------------------------------------------------------------

/** 1 / (1 + e^-x). */
export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + exp(-x));
  const t = exp(x);
  return t / (1 + t);
}

/** ln(1 + e^x). */
export function softplus(x: number): number {
  return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}
