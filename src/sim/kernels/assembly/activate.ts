// ACTIVATE: func(src * scale + bias). The argument is fp32 with two roundings; functions are float64 rounded once, for which
// the simple ones have fp32 vector forms with the same bits. Function numbers are indices in ACT_FUNCTIONS.
import {
  acos, acosh, asin, asinh, atan, atanh, cos, cosh, erf, exp, exp2, expm1, log, log1p, log2, sigmoid, sin, sinh, softplus, tan, tanh,
} from './elementary';
import { elu, gelu, geluTanh, mish, rsqrt, silu } from '../../exec/activation-formulas';
import { ADD, reduceFloat } from './alu-float';
import { canonical, canonicalLanes, FLOAT } from './convert';
import { lengthOf } from './pattern';
import { loadRow, loadSplat, rowBuffer, storeRow, target } from './row';

const COPY: i32 = 0;
const SQRT: i32 = 3;
const SQUARE: i32 = 5;
const ABS: i32 = 6;
const SIGN: i32 = 7;
const RECIPROCAL: i32 = 8;
const RELU: i32 = 9;
const LEAKY_RELU: i32 = 10;
const FLOOR: i32 = 31;
const CEIL: i32 = 32;
const ROUND: i32 = 33;
const TRUNC: i32 = 34;

/** Functions whose fp32 operation is the float64 one rounded (division and square root: no double rounding at these widths). */
// @ts-ignore: decorator
@inline
function lanes(func: i32, x: v128, alpha: v128): v128 {
  const zero = f32x4.splat(0);
  if (func == SQRT) return canonicalLanes(f32x4.sqrt(x));
  if (func == SQUARE) return canonicalLanes(f32x4.mul(x, x));
  if (func == ABS) return canonicalLanes(f32x4.abs(x));
  if (func == RECIPROCAL) return canonicalLanes(f32x4.div(f32x4.splat(1), x));
  if (func == RELU) return canonicalLanes(f32x4.max(x, zero));
  if (func == LEAKY_RELU) return canonicalLanes(v128.bitselect(f32x4.mul(x, alpha), x, f32x4.lt(x, zero)));
  if (func == FLOOR) return canonicalLanes(f32x4.floor(x));
  if (func == CEIL) return canonicalLanes(f32x4.ceil(x));
  if (func == ROUND) return canonicalLanes(f32x4.nearest(x));
  if (func == TRUNC) return canonicalLanes(f32x4.trunc(x));
  if (func == SIGN) {
    const one = v128.or(f32x4.splat(1), v128.and(x, f32x4.splat(-0.0)));
    return canonicalLanes(v128.bitselect(one, x, v128.or(f32x4.lt(x, zero), f32x4.gt(x, zero))));
  }
  return canonicalLanes(x);
}

// @ts-ignore: decorator
@inline
function loop(func: i32, out: usize, source: usize, scale: v128, bias: v128, alpha: v128, count: i32): void {
  for (; count >= 4; count -= 4) {
    v128.store(out, lanes(func, f32x4.add(f32x4.mul(v128.load(source), scale), bias), alpha));
    source += 16;
    out += 16;
  }
  for (; count > 0; --count) {
    const x = f32x4.add(f32x4.mul(v128.load32_zero(source), scale), bias);
    v128.store32_lane(out, lanes(func, x, alpha), 0);
    source += 4;
    out += 4;
  }
}

/** One value of the functions that have no vector form. */
function evaluate(func: i32, x: f64, alpha: f64): f64 {
  switch (func) {
    case 1: return exp(x);
    case 2: return log(x);
    case 4: return rsqrt(x);
    case 11: return elu(x, alpha);
    case 12: return sigmoid(x);
    case 13: return tanh(x);
    case 14: return silu(x);
    case 15: return gelu(x);
    case 16: return geluTanh(x);
    case 17: return softplus(x);
    case 18: return mish(x);
    case 19: return erf(x);
    case 20: return sin(x);
    case 21: return cos(x);
    case 22: return tan(x);
    case 23: return asin(x);
    case 24: return acos(x);
    case 25: return atan(x);
    case 26: return sinh(x);
    case 27: return cosh(x);
    case 28: return asinh(x);
    case 29: return acosh(x);
    case 30: return atanh(x);
    case 35: return exp2(x);
    case 36: return log2(x);
    case 37: return log1p(x);
    default: return expm1(x);
  }
}

function scalarLoop(func: i32, out: usize, source: usize, scale: f32, bias: f32, alpha: f32, count: i32): void {
  for (; count > 0; --count) {
    const x = load<f32>(source) * scale + bias;
    store<f32>(out, canonical(<f32>evaluate(func, x, alpha)));
    source += 4;
    out += 4;
  }
}

function activateRow(func: i32, out: usize, source: usize, scale: v128, bias: v128, alpha: f32, count: i32): void {
  const a = f32x4.splat(alpha);
  switch (func) {
    case COPY: return loop(COPY, out, source, scale, bias, a, count);
    case SQRT: return loop(SQRT, out, source, scale, bias, a, count);
    case SQUARE: return loop(SQUARE, out, source, scale, bias, a, count);
    case ABS: return loop(ABS, out, source, scale, bias, a, count);
    case SIGN: return loop(SIGN, out, source, scale, bias, a, count);
    case RECIPROCAL: return loop(RECIPROCAL, out, source, scale, bias, a, count);
    case RELU: return loop(RELU, out, source, scale, bias, a, count);
    case LEAKY_RELU: return loop(LEAKY_RELU, out, source, scale, bias, a, count);
    case FLOOR: return loop(FLOOR, out, source, scale, bias, a, count);
    case CEIL: return loop(CEIL, out, source, scale, bias, a, count);
    case ROUND: return loop(ROUND, out, source, scale, bias, a, count);
    case TRUNC: return loop(TRUNC, out, source, scale, bias, a, count);
    default: scalarLoop(func, out, source, f32x4.extract_lane(scale, 0), f32x4.extract_lane(bias, 0), alpha, count);
  }
}

/** sumDst is 0 where no sum is wanted; it sums the results before they are rounded to dst's type. */
export function activate(
  parts: i32, dst: usize, src: usize, func: i32, scale: usize, bias: usize, alpha: f32, sumDst: usize, scratch: usize,
): void {
  const count = lengthOf(src);
  const buffer = rowBuffer(scratch, 1);
  for (let p = 0; p < parts; ++p) {
    const source = loadRow(src, p, FLOAT, rowBuffer(scratch, 0));
    const factor = loadSplat(scale, p, FLOAT);
    const addend = loadSplat(bias, p, FLOAT);
    const out = target(dst, p, FLOAT, source, source, buffer);
    activateRow(func, out, source, factor, addend, alpha, count);
    if (sumDst) store<f32>(scratch, reduceFloat(ADD, out, count));
    if (out == buffer) storeRow(dst, p, FLOAT, buffer);
    if (sumDst) storeRow(sumDst, p, FLOAT, scratch);
  }
}
