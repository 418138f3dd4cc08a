// Normalisations in inference, and softmax. Batch norm becomes one multiplication and one addition of constants, which the
// passes fold into the convolution before; the others are layer norm after a reshape.
import type { DType } from '../../../base/dtype.js';
import type { Value } from '../../../ir/graph.js';
import { elementCount } from '../../../ir/type.js';
import type { Lowering } from '../lower/lowering.js';
import { shapeOf } from '../lower/views.js';
import { floatOperand } from './activations.js';
import { axisOf } from './axes.js';
import type { Args } from './bind.js';
import type { Family, Handler } from './declare.js';
import { floatType } from './promote.js';

/** One value per channel, shaped to broadcast over [N, C, ...]. */
function perChannel(c: Lowering, v: Value, rank: number): Value {
  return c.reshape(v, [elementCount(shapeOf(v)), ...new Array<number>(Math.max(0, rank - 2)).fill(1)]);
}

const optionalValue = (c: Lowering, a: Args, name: string, dtype: DType): Value | undefined => {
  const t = a.optional(name);
  return t && c.cast(c.value(t), dtype);
};

function affine(c: Lowering, x: Value, weight: Value | undefined, bias: Value | undefined): Value {
  const rank = shapeOf(x).length;
  const scaled = weight === undefined ? x : c.one('mul', [x, perChannel(c, weight, rank)]);
  return bias === undefined ? scaled : c.one('add', [scaled, perChannel(c, bias, rank)]);
}

/** Mean 0 and variance 1 over the axes. */
function standardize(c: Lowering, x: Value, axes: readonly number[], epsilon: number): Value {
  const mean = c.one('reduce_mean', [x], { axes, keep: true });
  const centred = c.one('sub', [x, mean]);
  const variance = c.one('reduce_mean', [c.one('mul', [centred, centred])], { axes, keep: true });
  const scale = c.one('rsqrt', [c.one('add', [variance, c.constantF(x.type.dtype, epsilon)])]);
  return c.one('mul', [centred, scale]);
}

const batchNorm: Handler = (c, a) => {
  const x = c.value(a.tensor('input'));
  const { dtype } = x.type;
  const stat: DType = dtype === 'f64' ? 'f64' : 'f32';
  const [weight, bias, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((n) =>
    optionalValue(c, a, n, stat),
  );
  if (a.flag('training') || mean === undefined || variance === undefined) {
    const axes = [...shapeOf(x).keys()].filter((i) => i !== 1);
    if (a.flag('training') && mean !== undefined)
      c.warn(
        'W4333',
        'batch norm runs in training mode: it normalises with the statistics of the input',
        'call eval() on the model before saving it',
      );
    const y = standardize(c, x, axes, a.number('eps'));
    return affine(c, y, weight && c.cast(weight, dtype), bias && c.cast(bias, dtype));
  }
  const deviation = c.one('sqrt', [c.one('add', [variance, c.constantF(stat, a.number('eps'))])]);
  const one = c.constantF(stat, 1);
  const scale = c.one('div', [weight ?? one, deviation]);
  const moved = c.one('mul', [mean, scale]);
  const shift = bias === undefined ? c.one('neg', [moved]) : c.one('sub', [bias, moved]);
  return affine(c, x, c.cast(scale, dtype), c.cast(shift, dtype));
};

/** Layer norm over the last axes. */
export function layerNorm(
  c: Lowering,
  x: Value,
  count: number,
  weight: Value | undefined,
  bias: Value | undefined,
  epsilon: number,
): Value {
  const axis = shapeOf(x).length - count;
  const operands = [x, ...(weight === undefined ? [] : [weight]), ...(bias === undefined ? [] : [bias])];
  return c.one('layer_norm', operands, {
    axis,
    epsilon,
    scale: weight !== undefined,
    bias: bias !== undefined,
  });
}

const layer: Handler = (c, a) => {
  const x = floatOperand(c, a, 'input');
  const { dtype } = x.type;
  const count = a.ints('normalized_shape').length;
  return layerNorm(
    c,
    x,
    count,
    optionalValue(c, a, 'weight', dtype),
    optionalValue(c, a, 'bias', dtype),
    a.number('eps'),
  );
};

/** Groups of channels, each normalised over its channels and the spatial axes. */
function grouped(c: Lowering, x: Value, groups: number, a: Args): Value {
  const shape = shapeOf(x);
  const { dtype } = x.type;
  const [batch = 1, channels = 1] = shape;
  const inner = elementCount(shape) / Math.max(1, batch * groups);
  const flat = c.reshape(x, [batch, groups, inner]);
  const normal = c.reshape(layerNorm(c, flat, 1, undefined, undefined, a.number('eps')), shape);
  if (channels % groups !== 0)
    throw c.refuse('E4314', `${channels} channels do not divide into ${groups} groups`);
  return affine(c, normal, optionalValue(c, a, 'weight', dtype), optionalValue(c, a, 'bias', dtype));
}

const instanceNorm: Handler = (c, a) => {
  const x = c.value(a.tensor('input'));
  const { dtype } = x.type;
  const [mean, variance] = ['running_mean', 'running_var'].map((n) => optionalValue(c, a, n, dtype));
  if (!a.flag('use_input_stats') && mean !== undefined && variance !== undefined) {
    const deviation = c.one('sqrt', [c.one('add', [variance, c.constantF(dtype, a.number('eps'))])]);
    const scale = c.one('reciprocal', [deviation]);
    const y = affine(c, x, scale, c.one('neg', [c.one('mul', [mean, scale])]));
    return affine(c, y, optionalValue(c, a, 'weight', dtype), optionalValue(c, a, 'bias', dtype));
  }
  return grouped(c, x, shapeOf(x)[1] ?? 1, a);
};

const rmsNorm: Handler = (c, a) => {
  const x = floatOperand(c, a);
  const { dtype } = x.type;
  const count = a.ints('normalized_shape').length;
  const weight = optionalValue(c, a, 'weight', dtype);
  // PyTorch's default is the distance from 1 to the next number of the type.
  const epsilon = a.numberOr('eps') ?? (dtype === 'f64' ? 2 ** -52 : 2 ** -23);
  const axis = shapeOf(x).length - count;
  return c.one('rms_norm', weight === undefined ? [x] : [x, weight], {
    axis,
    epsilon,
    scale: weight !== undefined,
  });
};

const softmax =
  (op: 'softmax' | 'log_softmax'): Handler =>
  (c, a) => {
    const t = a.tensor('self');
    const x = c.cast(c.value(t), a.dtype('dtype') ?? floatType(t.dtype));
    const rank = shapeOf(x).length;
    if (rank === 0) return c.reshape(c.one(op, [c.reshape(x, [1])], { axis: 0 }), []);
    return c.one(op, [x], { axis: axisOf(c, a.number('dim'), rank) });
  };

/** A weight as direction times length: g * v / |v|, the norm over all axes but one (over all, for -1). */
const weightNorm: Handler = (c, a) => {
  const [v, g] = [c.value(a.tensor('v')), c.value(a.tensor('g'))];
  const dim = a.number('dim');
  const axes = shapeOf(v)
    .map((_, i) => i)
    .filter((i) => dim === -1 || i !== dim);
  const squares = c.one('reduce_sum', [c.one('mul', [v, v])], { axes, keep: true });
  return c.one('mul', [v, c.one('div', [g, c.one('sqrt', [squares])])]);
};

export const NORMALIZATION: Family = {
  '_weight_norm(Tensor v, Tensor g, int dim=0)': weightNorm,
  'batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps, bool cudnn_enabled)':
    batchNorm,
  'instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool use_input_stats, float momentum, float eps, bool cudnn_enabled)':
    instanceNorm,
  'layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enable=True)':
    layer,
  'native_layer_norm(Tensor input, int[] normalized_shape, Tensor? weight, Tensor? bias, float eps)': (
    c,
    a,
  ) => [
    layer(c, a) as Value,
    { kind: 'absent', why: 'the mean that native_layer_norm returns is not computed' },
    { kind: 'absent', why: 'the deviation that native_layer_norm returns is not computed' },
  ],
  'group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enabled=True)':
    (c, a) => grouped(c, c.value(a.tensor('input')), a.number('num_groups'), a),
  'rms_norm(Tensor self, int[] normalized_shape, Tensor? weight=None, float? eps=None)': rmsNorm,
  'softmax(Tensor self, int dim, ScalarType? dtype=None)': softmax('softmax'),
  '_softmax(Tensor self, int dim, bool half_to_float, ScalarType? dtype=None)': softmax('softmax'),
  'log_softmax(Tensor self, int dim, ScalarType? dtype=None)': softmax('log_softmax'),
  '_log_softmax(Tensor self, int dim, bool half_to_float, ScalarType? dtype=None)': softmax('log_softmax'),
};
