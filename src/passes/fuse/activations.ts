// Activation functions written out, as exporters do: sigmoid, SiLU, GELU in both forms, softplus, mish, leaky ReLU. Each
// becomes the one operator that the activation engine has.
import type { Node, Value } from '../../ir/graph.js';
import { sameType } from '../../ir/type.js';
import type { Rewriter } from '../../ops/rewrite.js';
import { bothWays, isFloatValue, madeBy, scalarOf } from '../match.js';
import type { Pass } from '../pass.js';
import { applyRules, type Rule } from '../rules.js';
import { areFactors, isNear, plusConstant, productOf } from './factors.js';

/** Constants of the tanh form of GELU: sqrt(2 / pi), and the cubic term's. */
const SQRT_2_OVER_PI = 0.7978845608028654;
const GELU_CUBIC = 0.044715;

/** One function of x: the product it is written as. */
interface Gated {
  readonly op: string;
  readonly scale: number;
  /** The x of a factor that could be the gate. */
  gated(gate: Value, rw: Rewriter): Value | undefined;
}

const GATED: readonly Gated[] = [
  { op: 'silu', scale: 1, gated: (gate) => madeBy(gate, 'sigmoid')?.inputs[0] },
  { op: 'mish', scale: 1, gated: (gate) => madeBy(madeBy(gate, 'tanh')?.inputs[0], 'softplus')?.inputs[0] },
  { op: 'gelu', scale: 0.5, gated: errorGate },
  { op: 'gelu_tanh', scale: 0.5, gated: tanhGate },
];

/** 1 + erf(x / sqrt 2). */
function errorGate(gate: Value, rw: Rewriter): Value | undefined {
  const argument = madeBy(plusConstant(gate, 1), 'erf')?.inputs[0];
  if (argument === undefined) return undefined;
  const { scale, factors } = productOf(argument, rw);
  return factors.length === 1 && isNear(scale, Math.SQRT1_2) ? factors[0] : undefined;
}

/** 1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)), or with x (1 + 0.044715 x^2) inside. */
function tanhGate(gate: Value, rw: Rewriter): Value | undefined {
  const argument = madeBy(plusConstant(gate, 1), 'tanh')?.inputs[0];
  if (argument === undefined) return undefined;
  const { scale, factors } = productOf(argument, rw);
  if (!isNear(scale, SQRT_2_OVER_PI)) return undefined;
  const [first, second] = factors;
  if (factors.length === 1 && first !== undefined) return cubicSum(first, rw);
  if (factors.length !== 2 || first === undefined || second === undefined) return undefined;
  return quadraticSum(first, second, rw) ?? quadraticSum(second, first, rw);
}

function cubicSum(v: Value, rw: Rewriter): Value | undefined {
  const sum = madeBy(v, 'add');
  for (const [x, cubic] of sum ? bothWays(sum) : []) {
    const { scale, factors } = productOf(cubic, rw);
    if (isNear(scale, GELU_CUBIC) && areFactors(factors, [x, x, x])) return x;
  }
  return undefined;
}

function quadraticSum(x: Value, v: Value, rw: Rewriter): Value | undefined {
  const quadratic = plusConstant(v, 1);
  const { scale, factors } = quadratic ? productOf(quadratic, rw) : { scale: 0, factors: [] };
  return isNear(scale, GELU_CUBIC) && areFactors(factors, [x, x]) ? x : undefined;
}

/** x times a gate of x. */
const gatedProduct: Rule = (node, rw) => {
  const out = node.outputs[0] as Value;
  if (!isFloatValue(out)) return undefined;
  const { scale, factors } = productOf(out, rw);
  for (const [i, gate] of factors.entries()) {
    for (const form of GATED) {
      const x = form.gated(gate, rw);
      if (x === undefined || !sameType(x.type, out.type)) continue;
      const others = factors.toSpliced(i, 1);
      if (isNear(scale, form.scale) && areFactors(others, [x])) return rw.builder.one(form.op, [x]);
    }
  }
  return undefined;
};

/** 1 + exp(-x), whose reciprocal is the sigmoid. */
function logisticDenominator(v: Value | undefined): Value | undefined {
  const negative = v && madeBy(plusConstant(v, 1), 'exp')?.inputs[0];
  return madeBy(negative, 'neg')?.inputs[0] ?? timesMinusOne(negative);
}

function timesMinusOne(v: Value | undefined): Value | undefined {
  const node = madeBy(v, 'mul');
  for (const [x, c] of node ? bothWays(node) : []) if (scalarOf(c) === -1) return x;
  return undefined;
}

/** y / (1 + exp(-x)). */
const logisticQuotient: Rule = (node, rw) => {
  const [y, denominator] = node.inputs as readonly [Value, Value];
  const x = logisticDenominator(denominator);
  if (x === undefined || !isFloatValue(x)) return undefined;
  return rw.builder.one('mul', [y, rw.builder.one('sigmoid', [x])]);
};

const logistic: Rule = (node, rw) => {
  const x = logisticDenominator(node.inputs[0]);
  return x && rw.builder.one('sigmoid', [x]);
};

/** log(1 + exp(x)). */
const softplus: Rule = (node: Node, rw) => {
  const [v] = node.inputs as readonly [Value];
  const power = node.op === 'log1p' ? v : plusConstant(v, 1);
  const x = madeBy(power, 'exp')?.inputs[0];
  return x && rw.builder.one('softplus', [x]);
};

/** The slope, where `v` is a scalar between 0 and 1 times x. */
function slopeOf(v: Value, x: Value): number | undefined {
  const node = madeBy(v, 'mul');
  for (const [factor, c] of node ? bothWays(node) : []) if (factor === x) return scalarOf(c);
  return undefined;
}

/** max(x, a x). */
const leakyMaximum: Rule = (node, rw) => {
  for (const [x, scaled] of bothWays(node)) {
    const slope = slopeOf(scaled, x);
    if (slope !== undefined && slope >= 0 && slope < 1 && isFloatValue(x))
      return rw.builder.one('leaky_relu', [x], { alpha: slope });
  }
  return undefined;
};

/** a x where x < 0, else x; and the other way round. */
const leakyChoice: Rule = (node, rw) => {
  const [condition, yes, no] = node.inputs as readonly [Value, Value, Value];
  const test = rw.producer(condition);
  if (test === undefined || scalarOf(test.inputs[1]) !== 0) return undefined;
  const below = test.op === 'lt' || test.op === 'le';
  if (!below && test.op !== 'gt' && test.op !== 'ge') return undefined;
  const [x, scaled] = below ? [no, yes] : [yes, no];
  const slope = slopeOf(scaled, x);
  const same = x === test.inputs[0] && sameType(x.type, node.outputs[0]?.type ?? x.type);
  return same && slope !== undefined && isFloatValue(x)
    ? rw.builder.one('leaky_relu', [x], { alpha: slope })
    : undefined;
};

export const FUSE_ACTIVATIONS: Pass = {
  name: 'fuse-activations',
  theme: 'fuse',
  level: 1,
  doc: 'Sigmoid, SiLU, GELU, softplus, mish and leaky ReLU as exporters write them out become one operator each.',
  run: (graph, context) =>
    applyRules(graph, context, {
      mul: [gatedProduct],
      div: [logisticQuotient, gatedProduct],
      reciprocal: [logistic],
      log: [softplus],
      log1p: [softplus],
      max: [leakyMaximum],
      where: [leakyChoice],
    }),
};
