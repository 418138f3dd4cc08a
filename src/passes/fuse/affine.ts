// Constants around products and convolutions go into their weights and bias: factors and summands per channel behind them
// (batch norm is that), factors and summands before them, and one product by constants after another. The new weights are
// expressions over the old ones, evaluated when they are stored.
import type { Attrs } from '../../ir/constant.js';
import type { Node, Value } from '../../ir/graph.js';
import { elementCount, sameType } from '../../ir/type.js';
import type { GraphBuilder } from '../../ops/build.js';
import type { Rewriter } from '../../ops/rewrite.js';
import {
  bothWays,
  dimsOf,
  knownConstant,
  range,
  sameDims,
  variableAndConstant,
  vectorAlong,
} from '../match.js';
import type { Pass } from '../pass.js';
import { applyRules, type Rule } from '../rules.js';

/** An operator with weights: where its channels are, and its weights times one factor per output channel. */
interface Weighted {
  /** Axis of the output channels in the result. */
  channelAxis(rank: number): number;
  scaled(b: GraphBuilder, node: Node, factor: Value): Value;
}

const ones = (n: number): number[] => range(n).map(() => 1);
const reshape = (b: GraphBuilder, v: Value, shape: readonly number[]): Value =>
  b.one('reshape', [v], { shape });
const weightsOf = (node: Node): Value => node.inputs[1] as Value;

const WEIGHTED: Readonly<Record<string, Weighted>> = {
  matmul: {
    channelAxis: (rank) => rank - 1,
    scaled: (b, node, factor) => b.one('mul', [weightsOf(node), factor]),
  },
  conv: {
    channelAxis: () => 1,
    scaled(b, node, factor) {
      const [filters = 1, ...rest] = dimsOf(weightsOf(node)) ?? [];
      return b.one('mul', [weightsOf(node), reshape(b, factor, [filters, ...ones(rest.length)])]);
    },
  },
  conv_transpose: {
    channelAxis: () => 1,
    scaled(b, node, factor) {
      const shape = dimsOf(weightsOf(node)) ?? [];
      const [channels = 1, perGroup = 1, ...kernel] = shape;
      const groups = Number(node.attrs.groups);
      const split = reshape(b, weightsOf(node), [groups, channels / groups, perGroup, ...kernel]);
      const product = b.one('mul', [
        split,
        reshape(b, factor, [groups, 1, perGroup, ...ones(kernel.length)]),
      ]);
      return reshape(b, product, shape);
    },
  },
};

/** The operator behind a value where constants can still join its weights: known ones in single precision, nothing behind them. */
function openProduct(v: Value, rw: Rewriter): Node | undefined {
  const node = rw.producer(v);
  const open =
    node !== undefined &&
    WEIGHTED[node.op] !== undefined &&
    rw.uses(v) === 1 &&
    (node.attrs.act ?? '') === '';
  return open && knownConstant(weightsOf(node)) !== undefined ? node : undefined;
}

const isSingle = (v: Value): boolean => v.type.dtype === 'f32';

/** The node with other weights and bias; a residual stays last. */
function remade(
  b: GraphBuilder,
  node: Node,
  weights: Value,
  bias: Value | undefined,
  attrs: Attrs = node.attrs,
): Value {
  const residual = node.attrs.residual === true ? node.inputs.slice(-1) : [];
  const operands = [node.inputs[0] as Value, weights, ...(bias ? [bias] : []), ...residual];
  return b.one(node.op, operands, { ...attrs, bias: bias !== undefined });
}

const biasOf = (node: Node): Value | undefined => (node.attrs.bias === true ? node.inputs[2] : undefined);

/** The constant as one number per output channel of the product, where it varies along no other axis. */
function perChannel(b: GraphBuilder, c: Value, product: Node): Value | undefined {
  const shape = dimsOf(product.outputs[0]);
  return shape && vectorAlong(b, c, shape, WEIGHTED[product.op]?.channelAxis(shape.length) ?? 0);
}

/** product * c and product / c. */
const factorBehind: Rule = (node, rw) => {
  const [x, c] = variableAndConstant(node) ?? [];
  const product = x && openProduct(x, rw);
  if (
    product === undefined ||
    c === undefined ||
    product.attrs.residual === true ||
    !isSingle(weightsOf(product))
  )
    return undefined;
  if (
    (node.op === 'div' && c === node.inputs[0]) ||
    !sameType(node.outputs[0]?.type ?? c.type, x?.type ?? c.type)
  )
    return undefined;
  const b = rw.builder;
  const given = perChannel(b, c, product);
  const bias = biasOf(product);
  if (given === undefined || (bias !== undefined && knownConstant(bias) === undefined)) return undefined;
  const factor = node.op === 'div' ? b.one('reciprocal', [given]) : given;
  const weights = WEIGHTED[product.op]?.scaled(b, product, factor);
  return weights && remade(b, product, weights, bias && b.one('mul', [bias, factor]));
};

/** product + c: the bias. */
const summandBehind: Rule = (node, rw) => {
  for (const [x, c] of bothWays(node)) {
    const product = rw.producer(x);
    const shape = dimsOf(x);
    if (
      product === undefined ||
      shape === undefined ||
      WEIGHTED[product.op] === undefined ||
      rw.uses(x) !== 1
    )
      continue;
    if ((product.attrs.act ?? '') !== '' || !sameType(node.outputs[0]?.type ?? c.type, x.type)) continue;
    const vector =
      knownConstant(c) === undefined ? computedBias(product, c, shape) : perChannel(rw.builder, c, product);
    const bias = biasOf(product);
    if (vector === undefined || (bias !== undefined && bias.type.dtype !== vector.type.dtype)) continue;
    return remade(
      rw.builder,
      product,
      weightsOf(product),
      bias ? rw.builder.one('add', [bias, vector]) : vector,
    );
  }
  return undefined;
};

/** A computed vector along the last axis. */
function computedBias(product: Node, v: Value, shape: readonly number[]): Value | undefined {
  return product.op === 'matmul' && sameDims(dimsOf(v) ?? [], shape.slice(-1)) ? v : undefined;
}

/** Weights [K, N] of a product that nothing stands behind in another precision. */
function matrixOf(node: Node): Value | undefined {
  const weights = weightsOf(node);
  return knownConstant(weights) !== undefined && isSingle(weights) && dimsOf(weights)?.length === 2
    ? weights
    : undefined;
}

/** (x * c) W is x (c W), row by row. */
const factorBeforeProduct: Rule = (node, rw) => {
  const scaled = rw.soleProducer(node.inputs[0] as Value, 'mul');
  const [x, c] = (scaled && variableAndConstant(scaled)) ?? [];
  const weights = matrixOf(node);
  const shape = dimsOf(node.inputs[0]);
  if (x === undefined || c === undefined || weights === undefined || shape === undefined) return undefined;
  if (!sameType(x.type, (node.inputs[0] as Value).type)) return undefined;
  const factor = vectorAlong(rw.builder, c, shape, shape.length - 1);
  if (factor === undefined) return undefined;
  const rows = rw.builder.one('mul', [weights, reshape(rw.builder, factor, [...(dimsOf(factor) ?? []), 1])]);
  return rw.builder.one('matmul', [x, rows, ...node.inputs.slice(2)], node.attrs);
};

/** The same for input channels of a convolution: padding is 0 before and after. */
const factorBeforeConvolution: Rule = (node, rw) => {
  const [input, weights] = node.inputs as readonly [Value, Value];
  const scaled = rw.soleProducer(input, 'mul');
  const [x, c] = (scaled && variableAndConstant(scaled)) ?? [];
  const [shape, taps] = [dimsOf(input), dimsOf(weights)];
  const open = knownConstant(weights) !== undefined && isSingle(weights);
  if (x === undefined || c === undefined || shape === undefined || taps === undefined || !open)
    return undefined;
  if (!sameType(x.type, input.type)) return undefined;
  const b = rw.builder;
  const factor = vectorAlong(b, c, shape, 1);
  if (factor === undefined) return undefined;
  const [filters = 1, own = 1, ...kernel] = taps;
  const groups = Number(node.attrs.groups);
  const split = reshape(b, weights, [groups, filters / groups, own, ...kernel]);
  const product = b.one('mul', [split, reshape(b, factor, [groups, 1, own, ...ones(kernel.length)])]);
  return b.one('conv', [x, reshape(b, product, taps), ...node.inputs.slice(2)], node.attrs);
};

/** The same for summands, where nothing is padded: a filter adds its weights times them. */
const summandBeforeConvolution: Rule = (node, rw) => {
  const [input, weights] = node.inputs as readonly [Value, Value];
  const sum = rw.soleProducer(input, 'add');
  const [x, c] = (sum && variableAndConstant(sum)) ?? [];
  const [shape, taps, bias] = [dimsOf(input), dimsOf(weights), biasOf(node)];
  const padded = ['low', 'high'].some((side) => (node.attrs[side] as readonly number[]).some((n) => n !== 0));
  const open =
    knownConstant(weights) !== undefined &&
    isSingle(weights) &&
    (bias === undefined || knownConstant(bias) !== undefined);
  if (x === undefined || c === undefined || shape === undefined || taps === undefined || padded || !open)
    return undefined;
  const b = rw.builder;
  const vector = sameType(x.type, input.type) ? vectorAlong(b, c, shape, 1) : undefined;
  if (vector === undefined) return undefined;
  const [filters = 1, own = 1, ...kernel] = taps;
  const groups = Number(node.attrs.groups);
  const split = reshape(b, weights, [groups, filters / groups, own, elementCount(kernel)]);
  const product = b.one('mul', [split, reshape(b, vector, [groups, 1, own, 1])]);
  const added = reshape(b, b.one('reduce_sum', [product], { axes: [2, 3], keep: false }), [filters]);
  const operands = [x, weights, bias ? b.one('add', [bias, added]) : added];
  return b.one('conv', [...operands, ...(node.attrs.residual === true ? node.inputs.slice(-1) : [])], {
    ...node.attrs,
    bias: true,
  });
};

/** (x + c) W + bias is x W + (c W + bias). */
const summandBeforeProduct: Rule = (node, rw) => {
  const sum = rw.soleProducer(node.inputs[0] as Value, 'add');
  const [x, c] = (sum && variableAndConstant(sum)) ?? [];
  const weights = matrixOf(node);
  const shape = dimsOf(node.inputs[0]);
  const bias = biasOf(node);
  if (x === undefined || c === undefined || weights === undefined || shape === undefined) return undefined;
  if (
    !sameType(x.type, (node.inputs[0] as Value).type) ||
    (bias !== undefined && knownConstant(bias) === undefined)
  )
    return undefined;
  const vector = vectorAlong(rw.builder, c, shape, shape.length - 1);
  if (vector === undefined) return undefined;
  return remadeOver(rw.builder, node, x, weights, throughWeights(rw.builder, vector, weights, bias));
};

/** vector W + bias, as a vector. */
function throughWeights(b: GraphBuilder, vector: Value, weights: Value, bias: Value | undefined): Value {
  const row = reshape(b, vector, [1, ...(dimsOf(vector) ?? [])]);
  const product = reshape(b, b.one('matmul', [row, weights]), (dimsOf(weights) ?? []).slice(-1));
  return bias === undefined ? product : b.one('add', [product, bias]);
}

function remadeOver(b: GraphBuilder, node: Node, x: Value, weights: Value, bias: Value | undefined): Value {
  return b.one('matmul', [x, weights, ...(bias ? [bias] : [])], { ...node.attrs, bias: bias !== undefined });
}

/** (x V) W is x (V W), where that is less to multiply and to store. */
const productOfProducts: Rule = (node, rw) => {
  const inner = rw.soleProducer(node.inputs[0] as Value, 'matmul');
  const [first, second] = [inner && matrixOf(inner), matrixOf(node)];
  if (inner === undefined || first === undefined || second === undefined || inner.attrs.act !== '')
    return undefined;
  const [k = 0, m = 0] = dimsOf(first) ?? [];
  const [, n = 0] = dimsOf(second) ?? [];
  const [before, bias] = [biasOf(inner), biasOf(node)];
  const known = [before, bias].every((v) => v === undefined || knownConstant(v) !== undefined);
  if (k * n >= k * m + m * n || !known) return undefined;
  const b = rw.builder;
  const shifted = before === undefined ? bias : throughWeights(b, before, second, bias);
  return remadeOver(b, node, inner.inputs[0] as Value, b.one('matmul', [first, second]), shifted);
};

export const FUSE_AFFINE: Pass = {
  name: 'fuse-affine',
  theme: 'fuse',
  level: 1,
  doc: 'Constant factors and summands around products and convolutions (batch norm, scales, biases) go into their weights and bias.',
  run: (graph, context) =>
    applyRules(graph, context, {
      mul: [factorBehind],
      div: [factorBehind],
      add: [summandBehind],
      matmul: [factorBeforeProduct, summandBeforeProduct, productOfProducts],
      conv: [factorBeforeConvolution, summandBeforeConvolution],
    }),
};
