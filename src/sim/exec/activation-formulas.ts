// The activation functions that are not elementary ones, in float64. Written in the common part of TypeScript and
// AssemblyScript, as base/elementary.ts: the WASM kernels compile this very file, so both paths have the same bits.
import { erfc, expm1, sigmoid, softplus, tanh } from '../../base/elementary.js';

const SQRT_HALF = Math.SQRT1_2;
/** 2 * sqrt(2 / pi), and the cubic coefficient of the tanh approximation (Hendrycks and Gimpel 2016). */
const GELU_SLOPE = 1.5957691216057308;
const GELU_CUBIC = 0.044715;

export function rsqrt(x: number): number {
  return 1 / Math.sqrt(x);
}

/** -1, 1, or x itself where it is 0 or NaN. */
export function sign(x: number): number {
  return x > 0 ? 1 : x < 0 ? -1 : x;
}

/** The larger of x and +0; NaN stays. */
export function relu(x: number): number {
  return Math.max(x, 0);
}

export function leakyRelu(x: number, alpha: number): number {
  return x < 0 ? alpha * x : x;
}

export function elu(x: number, alpha: number): number {
  return x < 0 ? alpha * expm1(x) : x;
}

export function silu(x: number): number {
  return x * sigmoid(x);
}

export function gelu(x: number): number {
  return 0.5 * x * erfc(-x * SQRT_HALF);
}

/** x / 2 * (1 + tanh(u)) is x * sigmoid(2 u): no cancellation. */
export function geluTanh(x: number): number {
  return x * sigmoid(GELU_SLOPE * (x + GELU_CUBIC * x * x * x));
}

export function mish(x: number): number {
  return x * tanh(softplus(x));
}

export function trunc(x: number): number {
  return x < 0 ? -Math.floor(-x) : Math.floor(x);
}

export function ceil(x: number): number {
  return -Math.floor(-x);
}

/** To the nearest integer, ties to even; keeps the sign of a zero. */
export function round(x: number): number {
  if (x < 0) return -round(-x);
  const floor = Math.floor(x);
  const part = x - floor;
  if (part < 0.5) return floor;
  if (part > 0.5) return floor + 1;
  return Math.floor(floor / 2) * 2 === floor ? floor : floor + 1;
}
