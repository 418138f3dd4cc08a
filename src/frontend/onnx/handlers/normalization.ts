// Normalisations of ai.onnx. Statistics are taken in fp32 or wider, as `stash_type` says.
import type { DType } from '../../../base/dtype.js';
import type { Value } from '../../../ir/graph.js';
import { sameType, tensorType } from '../../../ir/type.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';
import type { Item } from '../items.js';
import { typeAttribute } from './constants.js';

const batchNormalization: Handler = (c) => {
  const x = c.input(0);
  const rank = c.rank(x);
  const [scale, bias, mean, variance] = [c.input(1), c.input(2), c.input(3), c.input(4)];
  const epsilon = c.attributes.float('epsilon', 1e-5);
  if (!c.attributes.flag('spatial', true))
    throw c.refuse('statistics per element (spatial=0) are not supported');
  const training = c.version >= 14 ? c.attributes.flag('training_mode') : c.wants(1);
  if (!training) return normalized(c, x, { scale, bias, mean, variance, epsilon });
  const axes = x.type.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  const own = c.reduce('mean', x, axes, false);
  const centred = c.sub(x, c.alongAxis(own, 1, rank));
  const spread = c.reduce('mean', c.op('square', [centred]), axes, false);
  const momentum = c.attributes.float('momentum', 0.9);
  const running = (old: Value, now: Value) => {
    const recent = c.cast(now, old.type.dtype);
    return c.add(c.mul(old, c.like(old, momentum)), c.mul(recent, c.like(recent, 1 - momentum)));
  };
  const y = normalized(c, x, { scale, bias, mean: own, variance: spread, epsilon });
  return [y, running(mean, own), running(variance, spread), own, spread];
};

interface Statistics {
  readonly scale: Value;
  readonly bias: Value;
  readonly mean: Value;
  readonly variance: Value;
  readonly epsilon: number;
}

/** x * s + (bias - mean * s) with s = scale / sqrt(variance + epsilon): per channel, so constants where those are. */
function normalized(c: NodeContext, x: Value, { scale, bias, mean, variance, epsilon }: Statistics): Value {
  const { dtype } = x.type;
  const wide: DType = variance.type.dtype === 'f64' ? 'f64' : 'f32';
  const [s, b, m, v] = [scale, bias, mean, variance].map((p) => c.cast(p, wide)) as [
    Value,
    Value,
    Value,
    Value,
  ];
  const factor = c.div(s, c.op('sqrt', [c.add(v, c.like(v, epsilon))]));
  const shift = c.sub(b, c.mul(m, factor));
  const perChannel = (p: Value) => c.alongAxis(c.cast(p, dtype), 1, c.rank(x));
  return c.add(c.mul(x, perChannel(factor)), perChannel(shift));
}

/** `scale` and `bias` broadcast against `x` as in numpy; those of exactly the normalised shape go into the operator. */
export function layerNormOf(
  c: NodeContext,
  x: Value,
  axis: number,
  epsilon: number,
  scale: Value | undefined,
  bias: Value | undefined,
): Value {
  const inner = tensorType(x.type.dtype, x.type.shape.slice(axis));
  const fits = (p: Value | undefined) => p === undefined || sameType(p.type, inner);
  if (fits(scale) && fits(bias)) {
    const operands = [x, scale, bias].flatMap((p) => (p === undefined ? [] : [p]));
    return c.op('layer_norm', operands, {
      axis,
      epsilon,
      scale: scale !== undefined,
      bias: bias !== undefined,
    });
  }
  const plain = c.op('layer_norm', [x], { axis, epsilon });
  const scaled = scale === undefined ? plain : c.mul(plain, scale);
  return bias === undefined ? scaled : c.add(scaled, bias);
}

export function rmsNormOf(c: NodeContext, x: Value, axis: number, epsilon: number, scale: Value): Value {
  const inner = tensorType(x.type.dtype, x.type.shape.slice(axis));
  if (sameType(scale.type, inner)) return c.op('rms_norm', [x, scale], { axis, epsilon, scale: true });
  return c.mul(c.op('rms_norm', [x], { axis, epsilon }), scale);
}

/** Mean and reciprocal deviation of the normalised axes, which stay with one element. */
export function momentsOf(c: NodeContext, x: Value, axis: number, epsilon: number): readonly [Value, Value] {
  const axes = x.type.shape.flatMap((_, i) => (i < axis ? [] : [i]));
  const mean = c.reduce('mean', x, axes, true);
  const variance = c.reduce('mean', c.op('square', [c.sub(x, mean)]), axes, true);
  return [mean, c.op('reciprocal', [c.op('sqrt', [c.add(variance, c.like(variance, epsilon))])])];
}

/** What the statistics are computed in; the importer sees the operand in that type. */
function stashed(c: NodeContext, x: Value): Value {
  return c.cast(x, typeAttribute(c, 'stash_type', 'f32'));
}

export const layerNormalization: Handler = (c): readonly Item[] => {
  const [x, scale, bias] = [c.input(0), c.input(1), c.optional(2)];
  const axis = c.axisAttribute(x, -1);
  const epsilon = c.attributes.float('epsilon', 1e-5);
  const wide = stashed(c, x);
  const y = sameType(wide.type, x.type)
    ? layerNormOf(c, x, axis, epsilon, scale, bias)
    : widened(c, x, wide, axis, epsilon, scale, bias);
  return c.wants(1) || c.wants(2) ? [y, ...momentsOf(c, wide, axis, epsilon)] : [y];
};

/** Normalised in the wider type, scaled in the operand's. */
function widened(
  c: NodeContext,
  x: Value,
  wide: Value,
  axis: number,
  epsilon: number,
  scale: Value,
  bias: Value | undefined,
): Value {
  const plain = c.cast(c.op('layer_norm', [wide], { axis, epsilon }), x.type.dtype);
  const scaled = c.mul(plain, scale);
  return bias === undefined ? scaled : c.add(scaled, bias);
}

const rmsNormalization: Handler = (c) => {
  const [x, scale] = [c.input(0), c.input(1)];
  const axis = c.axisAttribute(x, -1);
  const epsilon = c.attributes.float('epsilon', 1e-5);
  const wide = stashed(c, x);
  if (sameType(wide.type, x.type)) return rmsNormOf(c, x, axis, epsilon, scale);
  return c.mul(c.cast(c.op('rms_norm', [wide], { axis, epsilon }), scale.type.dtype), scale);
};

/** Every plane [n, c, …] for itself. */
const instanceNormalization: Handler = (c) => {
  const [x, scale, bias] = [c.input(0), c.input(1), c.input(2)];
  return perChannelAffine(
    c,
    groupNormOf(c, x, c.dim(x, 1), c.attributes.float('epsilon', 1e-5)),
    scale,
    bias,
  );
};

const groupNormalization: Handler = (c) => {
  const x = c.input(0);
  const groups = c.attributes.int('num_groups');
  const channels = c.dim(x, 1);
  if (channels % groups !== 0) throw c.bad(`${channels} channels do not make ${groups} groups`);
  const plain = c.inSingle(x, (wide) => groupNormOf(c, wide, groups, c.attributes.float('epsilon', 1e-5)));
  // Until version 20 there is a scale per group.
  const perChannel = (p: Value) =>
    c.version >= 21
      ? p
      : c.reshape(c.broadcast(c.unsqueeze(p, [1]), [groups, channels / groups]), [channels]);
  return perChannelAffine(c, plain, perChannel(c.input(1)), perChannel(c.input(2)));
};

/** Normalised over the channels of each group and all spatial axes. */
export function groupNormOf(c: NodeContext, x: Value, groups: number, epsilon: number): Value {
  const shape = c.shape(x);
  const rows = c.reshape(x, [shape[0] ?? 1, groups, -1]);
  return c.reshape(c.op('layer_norm', [rows], { axis: 2, epsilon }), shape);
}

export function perChannelAffine(c: NodeContext, x: Value, scale: Value, bias: Value): Value {
  const rank = c.rank(x);
  return c.add(c.mul(x, c.alongAxis(scale, 1, rank)), c.alongAxis(bias, 1, rank));
}

/** x / (bias + alpha / size * sum of squares over neighbouring channels)^beta; the sum is a product by a band matrix. */
const lrn: Handler = (c) => {
  const x = c.input(0);
  const size = c.attributes.int('size');
  const [alpha, beta] = [c.attributes.float('alpha', 1e-4), c.attributes.float('beta', 0.75)];
  const bias = c.attributes.float('bias', 1);
  const [n = 1, channels = 1] = c.shape(x);
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
  const band = c.table(channels * channels, (i) => {
    const distance = (i % channels) - Math.floor(i / channels);
    return distance >= -before && distance <= after ? alpha / size : 0;
  });
  const filters = c.numbers(x.type.dtype, [channels, channels, 1], band);
  const squares = c.reshape(c.op('square', [x]), [n, channels, -1]);
  const one = { strides: [1], low: [0], high: [0], dilations: [1] };
  const sums = c.reshape(c.op('conv', [squares, filters], one), c.shape(x));
  return c.div(x, c.op('pow', [c.add(sums, c.like(x, bias)), c.like(x, beta)]));
};

export const NORMALIZATION: HandlerTable = {
  BatchNormalization: batchNormalization,
  GroupNormalization: groupNormalization,
  InstanceNormalization: instanceNormalization,
  LRN: lrn,
  LayerNormalization: layerNormalization,
  RMSNormalization: rmsNormalization,
};
