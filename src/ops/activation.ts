// Scalar activation functions, in double: what a product may apply to its sums before it rounds them, and what the
// operators of the same names compute. Relative error a few units of 1e-16, also where a naive formula would cancel.
import { erfc, expm1, sigmoid, softplus, tanh } from '../base/elementary.js';

export type Activation = (x: number, alpha: number) => number;

/** Square root of 2/pi, and the cubic coefficient of the tanh form of gelu (Hendrycks and Gimpel 2016). */
const SQRT_2_OVER_PI = 0.7978845608028654;
const GELU_CUBIC = 0.044715;

export const ACTIVATIONS = {
  relu: (x) => Math.max(x, 0),
  leaky_relu: (x, alpha) => (x < 0 ? alpha * x : x),
  elu: (x, alpha) => (x < 0 ? alpha * expm1(x) : x),
  sigmoid,
  tanh,
  silu: (x) => times(x, sigmoid(x)),
  gelu: (x) => times(x, 0.5 * erfc(-x * Math.SQRT1_2)),
  /** (1 + tanh u) / 2 is sigmoid(2 u). */
  gelu_tanh: (x) => times(x, sigmoid(2 * SQRT_2_OVER_PI * (x + GELU_CUBIC * x * x * x))),
  softplus,
  mish: (x) => times(x, tanh(softplus(x))),
} as const satisfies Readonly<Record<string, Activation>>;

/** x times a gate that is 0 at minus infinity: their product is 0 there, as the limit is. */
function times(x: number, gate: number): number {
  return gate === 0 ? 0 : x * gate;
}

/** Values of the attribute `act` of products; the empty one is the identity. */
export const ACT_NAMES: readonly string[] = ['', ...Object.keys(ACTIVATIONS)];

/** The function of a name in ACT_NAMES; undefined for the identity. */
export function activation(name: string): Activation | undefined {
  return Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name as keyof typeof ACTIVATIONS] : undefined;
}
