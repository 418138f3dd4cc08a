// Layer norm and RMS norm written out: means, differences, roots and quotients as exporters arrange them become one operator;
// the factors and summands behind it become its scale and bias.
import type { Node, Value } from '../../ir/graph.js';
import { sameType } from '../../ir/type.js';
import type { Rewriter } from '../../ops/rewrite.js';
import {
  bothWays,
  dimsOf,
  isFloatValue,
  knownConstant,
  madeBy,
  range,
  sameDims,
  scalarOf,
  variableAndConstant,
} from '../match.js';
import type { Pass } from '../pass.js';
import { applyRules, type Rule } from '../rules.js';

/** x and the first of the axes up to the last that a mean is taken over, with those axes kept. */
function meanOf(v: Value | undefined): { readonly x: Value; readonly axis: number } | undefined {
  const node = madeBy(v, 'reduce_mean');
  const x = node?.inputs[0];
  if (node === undefined || x === undefined) return undefined;
  const axes = [...(node.attrs.axes as readonly number[])].sort((a, b) => a - b);
  const axis = axes[0] ?? 0;
  const kept = v?.type.shape.length === x.type.shape.length;
  return kept && sameDims(axes, range(x.type.shape.length - axis, axis)) ? { x, axis } : undefined;
}

/** What is squared. */
function squareOf(v: Value | undefined): Value | undefined {
  const square = madeBy(v, 'square')?.inputs[0];
  if (square !== undefined) return square;
  const product = madeBy(v, 'mul');
  if (product !== undefined && product.inputs[0] === product.inputs[1]) return product.inputs[0];
  const power = madeBy(v, 'pow');
  return scalarOf(power?.inputs[1]) === 2 ? power?.inputs[0] : undefined;
}

interface Root {
  readonly variance: Value;
  readonly epsilon: number;
}

/** sqrt(variance + epsilon). */
function rootOf(v: Value | undefined): Root | undefined {
  const under = madeBy(v, 'sqrt')?.inputs[0] ?? halfPower(v, 0.5);
  return under && sumWithEpsilon(under);
}

/** 1 / sqrt(variance + epsilon). */
function inverseRootOf(v: Value | undefined): Root | undefined {
  const under = madeBy(v, 'rsqrt')?.inputs[0] ?? halfPower(v, -0.5);
  return under === undefined ? rootOf(madeBy(v, 'reciprocal')?.inputs[0]) : sumWithEpsilon(under);
}

function halfPower(v: Value | undefined, exponent: number): Value | undefined {
  const power = madeBy(v, 'pow');
  return scalarOf(power?.inputs[1]) === exponent ? power?.inputs[0] : undefined;
}

function sumWithEpsilon(v: Value): Root {
  const sum = madeBy(v, 'add');
  for (const [variance, c] of sum ? bothWays(sum) : []) {
    const epsilon = scalarOf(c);
    if (epsilon !== undefined && epsilon >= 0 && epsilon < 1)
      return { variance: unclipped(variance), epsilon };
  }
  return { variance: unclipped(v), epsilon: 0 };
}

/** A variance is not negative; some exporters make sure of it. */
function unclipped(v: Value): Value {
  return madeBy(v, 'relu')?.inputs[0] ?? v;
}

/** The norm of which `x` is the numerator and `root` the denominator. */
function normOf(numerator: Value, root: Root, rw: Rewriter): Value | undefined {
  if (!isFloatValue(numerator)) return undefined;
  return layerNorm(numerator, root, rw) ?? rmsNorm(numerator, root, rw);
}

function rmsNorm(x: Value, { variance, epsilon }: Root, rw: Rewriter): Value | undefined {
  const mean = meanOf(variance);
  return mean !== undefined && squareOf(mean.x) === x
    ? rw.builder.one('rms_norm', [x], { axis: mean.axis, epsilon })
    : undefined;
}

/** (x - mean x) over the root of the mean of its square, or of mean x^2 - (mean x)^2. */
function layerNorm(centred: Value, { variance, epsilon }: Root, rw: Rewriter): Value | undefined {
  const x = centredOf(centred);
  const axis = meanOf(madeBy(centred, 'sub')?.inputs[1])?.axis;
  if (x === undefined || axis === undefined) return undefined;
  const spread = meanOf(variance);
  const direct = spread !== undefined && spread.axis === axis && isCentred(squareOf(spread.x), x, axis);
  return direct || isMeanOfSquares(variance, x, axis)
    ? rw.builder.one('layer_norm', [x], { axis, epsilon })
    : undefined;
}

/** x of x - mean(x). */
function centredOf(v: Value | undefined): Value | undefined {
  const difference = madeBy(v, 'sub');
  const [x, mean] = difference?.inputs ?? [];
  return x !== undefined && meanOf(mean)?.x === x ? x : undefined;
}

function isCentred(v: Value | undefined, x: Value, axis: number): boolean {
  return centredOf(v) === x && meanOf(madeBy(v, 'sub')?.inputs[1])?.axis === axis;
}

function isMeanOfSquares(variance: Value, x: Value, axis: number): boolean {
  const difference = madeBy(variance, 'sub');
  const squares = meanOf(difference?.inputs[0]);
  const mean = meanOf(squareOf(difference?.inputs[1]));
  return squares?.axis === axis && mean?.axis === axis && squareOf(squares.x) === x && mean.x === x;
}

const quotient: Rule = (node, rw) => {
  const [numerator, denominator] = node.inputs as readonly [Value, Value];
  const root = rootOf(denominator);
  return root && normOf(numerator, root, rw);
};

/** Norm times constants may be nested either way: x * (r * c) as well as (x * r) * c. */
const product: Rule = (node, rw) => {
  for (const [numerator, factor] of bothWays(node)) {
    const root = inverseRootOf(factor);
    const norm = root && normOf(numerator, root, rw);
    if (norm !== undefined) return norm;
    const inner = rw.soleProducer(factor, 'mul');
    const [inverse, c] = (inner && variableAndConstant(inner)) ?? [];
    const innerRoot = inverseRootOf(inverse);
    const scaled = innerRoot && normOf(numerator, innerRoot, rw);
    if (scaled !== undefined && c !== undefined) return rw.builder.one('mul', [scaled, c]);
  }
  return undefined;
};

/** The constant of exactly the normalised shape that multiplies, or is added, element by element. */
function perElement(node: Node, norm: Node, c: Value, rw: Rewriter): Value | undefined {
  const out = node.outputs[0] as Value;
  const shape = dimsOf(norm.outputs[0])?.slice(Number(norm.attrs.axis));
  const own = dimsOf(c);
  if (shape === undefined || own === undefined || knownConstant(c) === undefined) return undefined;
  if (!sameType(out.type, (norm.outputs[0] as Value).type)) return undefined;
  const lead = own.length - shape.length;
  if (lead > 0 && !own.slice(0, lead).every((d) => d === 1)) return undefined;
  const flat = lead > 0 ? rw.builder.one('reshape', [c], { shape: own.slice(lead) }) : c;
  return rw.builder.one('broadcast', [flat], { shape });
}

const NORMS = ['layer_norm', 'rms_norm'];

const scale: Rule = (node, rw) => {
  const [x, c] = variableAndConstant(node) ?? [];
  const norm = x && NORMS.map((op) => rw.soleProducer(x, op)).find((n) => n !== undefined);
  if (norm === undefined || c === undefined || norm.attrs.scale === true || norm.attrs.bias === true)
    return undefined;
  const factor = perElement(node, norm, c, rw);
  return factor && rw.builder.one(norm.op, [norm.inputs[0] as Value, factor], { ...norm.attrs, scale: true });
};

const bias: Rule = (node, rw) => {
  const [x, c] = variableAndConstant(node) ?? [];
  const norm = x && rw.soleProducer(x, 'layer_norm');
  if (norm === undefined || c === undefined || norm.attrs.bias === true) return undefined;
  const summand = perElement(node, norm, c, rw);
  return summand && rw.builder.one('layer_norm', [...norm.inputs, summand], { ...norm.attrs, bias: true });
};

export const FUSE_NORMS: Pass = {
  name: 'fuse-norms',
  theme: 'fuse',
  level: 1,
  doc: 'Layer norm and RMS norm as exporters write them out become one operator, with the factors and summands behind it.',
  run: (graph, context) =>
    applyRules(graph, context, { div: [quotient], mul: [product, scale], add: [bias] }),
};
