// Operators of com.microsoft that ONNX Runtime's optimizer and its model builders write, attention apart: fused
// normalisations, activations, matrix products with packed weights.
import { zeros } from '../../../base/tensor.js';
import { constantOf, type Value } from '../../../ir/graph.js';
import { constantTensor } from '../../../ops/evaluate.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';
import type { Item } from '../items.js';
import { convOf, kernelOf, windowOf } from './convolution.js';
import { hardSigmoidOf, swishOf } from './elementwise.js';
import { matmulOf } from './linear.js';
import { groupNormOf, layerNormalization, layerNormOf, momentsOf, rmsNormOf } from './normalization.js';
import { PADDING } from './padding.js';
import { SAMPLING } from './sampling.js';
import { SHAPE } from './shape.js';

const plus = (c: NodeContext, x: Value, y: Value | undefined): Value => (y === undefined ? x : c.add(x, y));

const simplifiedLayerNormalization: Handler = (c): readonly Item[] => {
  const [x, scale] = [c.input(0), c.input(1)];
  const axis = c.axisAttribute(x, -1);
  const epsilon = c.attributes.float('epsilon', 1e-5);
  const y = c.inSingle(x, (wide) => rmsNormOf(c, wide, axis, epsilon, c.cast(scale, wide.type.dtype)));
  return c.wants(1) ? [y, inverseRoot(c, x, axis, epsilon)] : [y];
};

function inverseRoot(c: NodeContext, x: Value, axis: number, epsilon: number): Value {
  const wide = c.cast(x, 'f32');
  const axes = x.type.shape.flatMap((_, i) => (i < axis ? [] : [i]));
  const mean = c.reduce('mean', c.op('square', [wide]), axes, true);
  return c.op('reciprocal', [c.op('sqrt', [c.add(mean, c.like(mean, epsilon))])]);
}

/** Normalises x + skip + bias and gives the sum too. */
const skipLayerNormalization: Handler = (c): readonly Item[] => {
  const [gamma, beta] = [c.input(2), c.optional(3)];
  const sum = plus(c, c.add(c.input(0), c.input(1)), c.optional(4));
  const axis = c.rank(sum) - 1;
  const epsilon = c.attributes.float('epsilon', 1e-12);
  const y = layerNormOf(c, sum, axis, epsilon, gamma, beta);
  const moments = c.wants(1) || c.wants(2) ? momentsOf(c, sum, axis, epsilon) : [sum, sum];
  return [y, ...moments, sum];
};

const skipSimplifiedLayerNormalization: Handler = (c): readonly Item[] => {
  const sum = plus(c, c.add(c.input(0), c.input(1)), c.optional(3));
  const axis = c.rank(sum) - 1;
  const epsilon = c.attributes.float('epsilon', 1e-12);
  const y = c.inSingle(sum, (wide) => rmsNormOf(c, wide, axis, epsilon, c.cast(c.input(2), wide.type.dtype)));
  return [y, sum, c.wants(2) ? inverseRoot(c, sum, axis, epsilon) : sum, sum];
};

/** Word, position and segment embeddings added and normalised; also how many tokens the mask lets through. */
const embedLayerNormalization: Handler = (c): readonly Item[] => {
  const [ids, segments] = [c.input(0), c.optional(1)];
  const [words, places] = [c.input(2), c.input(3)];
  const [batch = 1, length = 1] = c.shape(ids);
  const rows = (table: Value, index: Value) => c.gather(table, c.wrapIndex(index, c.dim(table, 0)), 0);
  const given = c.optional(8);
  const position = given ?? c.iota(length);
  const embedded = c.add(rows(words, ids), rows(places, position));
  const kinds = c.optional(4);
  const sum =
    segments === undefined || kinds === undefined ? embedded : c.add(embedded, rows(kinds, segments));
  const y = layerNormOf(c, sum, 2, c.attributes.float('epsilon', 1e-12), c.input(5), c.input(6));
  const mask = c.optional(7);
  const counted =
    mask === undefined ? c.filled('i32', [batch], 0) : c.cast(c.reduce('sum', mask, [1], false), 'i32');
  return [y, counted, sum];
};

/** Channels last; optionally with an activation. */
const groupNorm: Handler = (c) => {
  const x = c.input(0);
  const isLast = c.attributes.int('channels_last', 1) === 1;
  const planar = isLast ? c.moveAxis(x, c.rank(x) - 1, 1) : x;
  const rank = c.rank(planar);
  const plain = c.inSingle(planar, (wide) =>
    groupNormOf(c, wide, c.attributes.int('groups'), c.attributes.float('epsilon', 1e-5)),
  );
  const [gamma, beta] = [c.cast(c.input(1), x.type.dtype), c.cast(c.input(2), x.type.dtype)];
  const y = c.add(c.mul(plain, c.alongAxis(gamma, 1, rank)), c.alongAxis(beta, 1, rank));
  const active = c.attributes.int('activation', 0) === 1 ? swishOf(c, y, 1) : y;
  return isLast ? c.moveAxis(active, 1, rank - 1) : active;
};

const gelu =
  (op: 'gelu' | 'gelu_tanh'): Handler =>
  (c) =>
    c.op(op, [plus(c, c.input(0), c.optional(1))]);

/** Activations by the names that fused operators give them. */
function activated(c: NodeContext, x: Value, params: readonly number[]): Value {
  const name = c.attributes.string('activation', '');
  switch (name) {
    case '':
      return x;
    case 'Relu':
    case 'Tanh':
    case 'Sigmoid':
      return c.op(name.toLowerCase(), [x]);
    case 'LeakyRelu':
      return c.op('leaky_relu', [x], { alpha: params[0] ?? c.attributes.float('activation_alpha', 0.01) });
    case 'HardSigmoid':
      return hardSigmoidOf(c, x, params[0] ?? 0.2, params[1] ?? 0.5);
    case 'HardSwish':
      return c.mul(x, hardSigmoidOf(c, x, 1 / 6, 0.5));
    case 'Clip':
      return c.min(c.max(x, c.like(x, params[0] ?? -Infinity)), c.like(x, params[1] ?? Infinity));
    case 'Gelu':
      return c.op('gelu', [x]);
    default:
      throw c.refuse(`the fused activation '${name}' is not supported`);
  }
}

const fusedConv: Handler = (c) => {
  const [x, w, bias, residual] = [c.input(0), c.input(1), c.optional(2), c.optional(3)];
  const sum = plus(c, convOf(c, x, w, bias, windowOf(c, x, kernelOf(c, w))), residual);
  return activated(c, sum, c.attributes.floats('activation_params', []));
};

const fusedGemm: Handler = (c) => {
  const side = (x: Value, name: string) => (c.attributes.flag(name) ? c.transpose(x, [1, 0]) : x);
  const scaled = (x: Value, by: number) => (by === 1 ? x : c.mul(x, c.like(x, by)));
  const product = scaled(
    c.matmul(side(c.input(0), 'transA'), side(c.input(1), 'transB')),
    c.attributes.float('alpha', 1),
  );
  const bias = c.optional(2);
  const sum = bias === undefined ? product : c.add(product, scaled(bias, c.attributes.float('beta', 1)));
  return activated(c, sum, []);
};

/** alpha * a' b', where a transposed batch has its second to last axis first. */
const fusedMatMul: Handler = (c) => {
  const side = (x: Value, name: string, batchName: string): Value => {
    const rank = c.rank(x);
    const batched = c.attributes.flag(batchName) ? c.moveAxis(x, 0, rank - 2) : x;
    return c.attributes.flag(name) && rank > 1 ? c.swapAxes(batched, rank - 2, rank - 1) : batched;
  };
  const product = matmulOf(
    c,
    side(c.input(0), 'transA', 'transBatchA'),
    side(c.input(1), 'transB', 'transBatchB'),
  );
  const alpha = c.attributes.float('alpha', 1);
  return alpha === 1 ? product : c.mul(product, c.like(product, alpha));
};

const quickGelu: Handler = (c) => swishOf(c, c.input(0), c.attributes.float('alpha', 1.702));

/** Weights in blocks of 2, 4 or 8 bits along the summed axis, each block with a scale and a zero point. */
const matMulNBits: Handler = (c) => {
  const [x, packed, scales, zeroPoints] = [c.input(0), c.input(1), c.input(2), c.optional(3)];
  const { attributes: a } = c;
  const [depth, filters, bits, block] = [a.int('K'), a.int('N'), a.int('bits', 4), a.int('block_size')];
  if (c.has(4)) throw c.refuse('group indices are not supported');
  if (![2, 4, 8].includes(bits) || Math.min(depth, filters, block) < 1)
    throw c.bad(`K ${depth}, N ${filters}, bits ${bits} and block_size ${block} make no weights`);
  const blocks = Math.ceil(depth / block);
  const levels = unpacked(c, packed, bits, [filters, blocks, block], 1);
  const zero =
    zeroPoints === undefined
      ? c.scalar('f32', 2 ** (bits - 1))
      : zeroPoints.type.dtype === 'u8'
        ? unpacked(c, zeroPoints, bits, [filters, blocks, 1], 0)
        : c.reshape(c.cast(zeroPoints, 'f32'), [filters, blocks, 1]);
  const scale = c.reshape(c.cast(scales, 'f32'), [filters, blocks, 1]);
  const rows = c.reshape(c.mul(c.sub(levels, zero), scale), [filters, blocks * block]);
  const weights = c.cast(c.transpose(c.slice(rows, 1, 0, depth), [1, 0]), x.type.dtype);
  return plus(c, c.matmul(x, weights), c.optional(5));
};

/** Numbers packed low bits first, each row of `shape` (its last `inner` axes apart) padded to whole bytes; as fp32. */
function unpacked(
  c: NodeContext,
  x: Value,
  bits: number,
  shape: readonly [number, number, number],
  inner: 0 | 1,
): Value {
  const constant = constantOf(x);
  if (constant === undefined) throw c.unknown('a packed weight');
  const { data } = constantTensor(constant);
  const [rows, blocks, each] = shape;
  const perRow = inner === 1 ? each : blocks * each;
  const rowBytes = Math.ceil((perRow * bits) / 8);
  const count = inner === 1 ? rows * blocks : rows;
  if (data.length !== count * rowBytes)
    throw c.bad(`packed numbers of ${data.length} bytes are not the ${count * rowBytes} of shape ${shape}`);
  const t = zeros('u8', shape);
  const mask = (1 << bits) - 1;
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < perRow; i++) {
      const bit = i * bits;
      t.data[row * perRow + i] = ((data[row * rowBytes + (bit >> 3)] ?? 0) >> (bit & 7)) & mask;
    }
  }
  return c.cast(c.tensor(t), 'f32');
}

export const CONTRIB: HandlerTable = {
  BiasAdd: (c) => c.add(c.add(c.input(0), c.input(1)), c.input(2)),
  BiasGelu: gelu('gelu'),
  EmbedLayerNormalization: embedLayerNormalization,
  FastGelu: gelu('gelu_tanh'),
  FusedConv: fusedConv,
  FusedGemm: fusedGemm,
  FusedMatMul: fusedMatMul,
  Gelu: gelu('gelu'),
  GridSample: SAMPLING.GridSample as Handler,
  GroupNorm: groupNorm,
  LayerNormalization: layerNormalization,
  MatMulNBits: matMulNBits,
  Pad: PADDING.Pad as Handler,
  QuickGelu: quickGelu,
  SimplifiedLayerNormalization: simplifiedLayerNormalization,
  SkipLayerNormalization: skipLayerNormalization,
  SkipSimplifiedLayerNormalization: skipSimplifiedLayerNormalization,
  TransposeMatMul: fusedMatMul,
  Trilu: SHAPE.Trilu as Handler,
};

/** Written by ONNX Runtime's optimizer into the domain of ai.onnx. */
export const UNOFFICIAL: HandlerTable = {
  SimplifiedLayerNormalization: simplifiedLayerNormalization,
};
