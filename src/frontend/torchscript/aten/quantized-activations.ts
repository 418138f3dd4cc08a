// Activations and norms of namespace `quantized`: computed on the reals, with a result on the grid that the call gives.
import type { Value } from '../../../ir/graph.js';
import type { Lowering } from '../lower/lowering.js';
import { clampNumbers, elu } from './activations.js';
import type { Args } from './bind.js';
import type { Family, Handler } from './declare.js';
import { layerNorm } from './normalization.js';
import { dequantize, perTensor, quantize, quantizerOf } from './quantized.js';

const OUTPUT = 'float output_scale, int output_zero_point';

/** A function of the reals of a tensor. */
const onReals =
  (name: string, f: (c: Lowering, x: Value, a: Args) => Value): Handler =>
  (c, a) => {
    const t = a.tensor(name);
    return quantize(c, f(c, dequantize(c, t), a), perTensor(a, 'output_scale', 'output_zero_point'), t.dtype);
  };

function hardSwish(c: Lowering, x: Value): Value {
  const gate = clampNumbers(c, c.one('add', [x, c.constantF('f32', 3)]), 0, 6);
  return c.one('mul', [c.one('mul', [x, gate]), c.constantF('f32', 1 / 6)]);
}

function normalised(c: Lowering, x: Value, a: Args): Value {
  const [weight, bias] = ['weight', 'bias'].map((name) => {
    const t = a.optional(name);
    return t && c.value(t);
  });
  return layerNorm(c, x, a.ints('normalized_shape').length, weight, bias, a.number('eps'));
}

export const QUANTIZED_ACTIVATIONS: Family = {
  [`hardswish(Tensor input, ${OUTPUT})`]: onReals('input', hardSwish),
  'relu6(Tensor qx, bool inplace=False)': (c, a) => {
    const t = a.tensor('qx');
    return quantize(c, clampNumbers(c, dequantize(c, t), 0, 6), quantizerOf(c, t), t.dtype);
  },
  [`leaky_relu(Tensor qx, Scalar negative_slope, bool inplace, ${OUTPUT})`]: onReals('qx', (c, x, a) =>
    c.one('leaky_relu', [x], { alpha: a.number('negative_slope') }),
  ),
  [`elu(Tensor self, ${OUTPUT}, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1)`]: onReals(
    'self',
    (c, x, a) => elu(c, x, a.number('alpha'), a.number('scale'), a.number('input_scale')),
  ),
  [`layer_norm(Tensor input, int[] normalized_shape, Tensor? weight, Tensor? bias, float eps, ${OUTPUT})`]:
    onReals('input', normalised),
};
