// Quantised operators. A quantised tensor is its integers beside scale and zero point. Products are exact sums of integers,
// corrected for zero points, then scaled and rounded to the result's grid, as the libraries behind PyTorch compute them; other
// operators go by way of the reals.
import type { DType } from '../../../base/dtype.js';
import { elementCount } from '../../../base/tensor.js';
import { constantOf, type Value } from '../../../ir/graph.js';
import { constantNumbers } from '../../../ops/evaluate.js';
import { scalarTypeById } from '../archive/torch-types.js';
import { float, int } from '../lower/items.js';
import type { Lowering } from '../lower/lowering.js';
import type { Quantizer, TensorItem } from '../lower/tensor-item.js';
import { shapeOf } from '../lower/views.js';
import { clampNumbers } from './activations.js';
import type { Args } from './bind.js';
import { type ConvSettings, convolve } from './convolution.js';
import { vector } from './creation.js';
import type { Family, Handler } from './declare.js';
import { linear } from './linear.js';
import { type Packed, packedOf } from './packed.js';

const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  i8: [-128, 127],
  u8: [0, 255],
  i32: [-(2 ** 31), 2 ** 31 - 1],
};

const rangeOf = (dtype: DType): readonly [number, number] => RANGES[dtype] ?? [0, 255];

/** Parameters of a quantiser shaped to broadcast over a tensor of so many axes. */
function shaped(c: Lowering, values: readonly number[], q: Quantizer, rank: number): Value {
  if (q.axis === undefined) return c.constantF('f32', values[0] ?? 0);
  const trailing = new Array<number>(rank - 1 - q.axis).fill(1);
  return c.reshape(vector(c, 'f32', values), [values.length, ...trailing]);
}

export const quantizerOf = (c: Lowering, t: TensorItem): Quantizer => {
  if (t.quantizer !== undefined) return t.quantizer;
  throw c.refuse('E4325', 'an operator on quantised tensors is given one that is not quantised');
};

/** The reals for which the integers stand. */
export function dequantize(c: Lowering, t: TensorItem): Value {
  const q = quantizerOf(c, t);
  const rank = t.shape.length;
  const centred = c.one('sub', [c.cast(c.value(t), 'f32'), shaped(c, q.zeroPoint, q, rank)]);
  return c.one('mul', [centred, shaped(c, q.scale, q, rank)]);
}

/** Reals on the grid of integers: scaled, rounded half to even, moved, clamped. */
function toGrid(c: Lowering, scaled: Value, zeroPoint: Value, dtype: DType): Value {
  const placed = c.one('add', [c.one('round', [scaled]), zeroPoint]);
  return c.cast(clampNumbers(c, placed, ...rangeOf(dtype)), dtype);
}

export function quantize(c: Lowering, x: Value, q: Quantizer, dtype: DType): TensorItem {
  const rank = shapeOf(x).length;
  const inverse = q.scale.map((s) => Math.fround(1 / Math.fround(s)));
  const scaled = c.one('mul', [x, shaped(c, inverse, q, rank)]);
  return c.fresh(toGrid(c, scaled, shaped(c, q.zeroPoint, q, rank), dtype), { quantizer: q });
}

export const perTensor = (a: Args, scale: string, zeroPoint: string): Quantizer => ({
  scale: [a.number(scale)],
  zeroPoint: [a.number(zeroPoint)],
});

/** Quantised element types have numbers of their own. */
function quantizedType(c: Lowering, a: Args): DType {
  const found = scalarTypeById(a.number('dtype'));
  if (found?.quantized === true && found.dtype !== undefined) return found.dtype;
  throw c.refuse('E4311', `element type number ${a.number('dtype')} is no quantised type that is supported`);
}

/** Integers of the weight, filters first, and the scale of each filter. */
interface IntegerWeight {
  readonly value: Value;
  readonly scales: readonly number[];
  /** Sum of each filter's integers. */
  readonly sums: Value;
}

function integerWeight(c: Lowering, weight: TensorItem): IntegerWeight {
  const q = quantizerOf(c, weight);
  if (q.zeroPoint.some((z) => z !== 0) || weight.dtype !== 'i8' || (q.axis !== undefined && q.axis !== 0))
    throw c.refuse(
      'E4325',
      'quantised weights with zero points, of another type than qint8 or along another axis than the first are not supported',
    );
  const value = c.value(weight);
  const filters = weight.shape[0] ?? 1;
  const wide = c.reshape(c.cast(value, 'i32'), [filters, elementCount(weight.shape) / filters]);
  const sums = c.one('reduce_sum', [wide], { axes: [1], keep: false });
  return {
    value,
    sums,
    scales: q.scale.length === 1 ? new Array<number>(filters).fill(q.scale[0] ?? 1) : q.scale,
  };
}

const perFilter = (c: Lowering, v: Value, spatial: number): Value =>
  c.reshape(v, [elementCount(shapeOf(v)), ...new Array<number>(spatial).fill(1)]);

/** Exact sums of products of (x - zero point) and the weights. */
function integerProduct(
  c: Lowering,
  x: Value,
  zeroPoint: Value,
  w: IntegerWeight,
  conv: ConvSettings | undefined,
): Value {
  const spatial = conv === undefined ? 0 : shapeOf(w.value).length - 2;
  let sums: Value;
  if (conv === undefined) sums = linear(c, x, w.value, undefined);
  else {
    const none = conv.low.map(() => 0);
    const known = c.constantScalar(zeroPoint);
    const pad = {
      low: [0, 0, ...conv.low],
      high: [0, 0, ...conv.high],
      mode: 'constant',
      value: Number(known?.value ?? 0),
    };
    sums = convolve(c, c.one('pad', [x], pad), w.value, undefined, { ...conv, low: none, high: none });
  }
  return c.one('sub', [sums, c.one('mul', [perFilter(c, w.sums, spatial), zeroPoint])]);
}

function relu(c: Lowering, x: Value, on: boolean): Value {
  return on ? c.one('relu', [x]) : x;
}

/** Quantised product with a result on a grid given by the model. */
const staticProduct =
  (withRelu: boolean, packedName: string): Handler =>
  (c, a) => {
    const x = a.tensor('x');
    const [input] = [quantizerOf(c, x)];
    const output = perTensor(a, 'scale', 'zero_point');
    const packed = packedOf(c, a, packedName);
    const spatial = packed.conv === undefined ? 0 : packed.weight.shape.length - 2;
    if (packed.conv?.outputPadding !== undefined)
      throw c.refuse('E4325', 'quantised transposed convolutions are not supported');
    const w = integerWeight(c, packed.weight);
    const sums = integerProduct(
      c,
      c.value(x),
      c.builder.scalar('i32', input.zeroPoint[0] ?? 0),
      w,
      packed.conv,
    );
    const inScale = Math.fround(input.scale[0] ?? 1);
    const steps = w.scales.map((s) => inScale * s);
    const exact = c.cast(sums, 'f32');
    const biased =
      packed.bias === undefined ? exact : c.one('add', [exact, biasOnGrid(c, packed.bias, steps, spatial)]);
    const factors = steps.map((s) => Math.fround(s / (output.scale[0] ?? 1)));
    const scaled = c.one('mul', [biased, perFilter(c, vector(c, 'f32', factors), spatial)]);
    const zero = c.constantF('f32', output.zeroPoint[0] ?? 0);
    const grid = toGrid(c, relu(c, scaled, withRelu), zero, x.dtype);
    return c.fresh(grid, { quantizer: output });
  };

/** The bias counted in steps of the sums, rounded, as it is added in integers. */
function biasOnGrid(c: Lowering, bias: Value, steps: readonly number[], spatial: number): Value {
  const counted = c.one('div', [c.cast(bias, 'f32'), vector(c, 'f32', steps)]);
  return perFilter(c, c.one('round', [counted]), spatial);
}

const SMALLEST_NORMAL = 2 ** -126;
/** FBGEMM's SMALL_SCALE_THRESHOLD: finer grids are not used. */
const SMALLEST_SCALE = 6.1e-5;

/**
 * A linear layer whose input is quantised by its own range: the grid is found by reductions over the input, as
 * ChooseQuantizationParams of FBGEMM finds it (the range includes 0; reduce_range keeps 7 bits). Scales are multiplied before
 * they meet the sums, as there, so that the same roundings happen.
 */
export function dynamicProduct(c: Lowering, input: Value, packed: Packed, reduceRange: boolean): Value {
  const x = c.cast(input, 'f32');
  const w = integerWeight(c, packed.weight);
  const top = reduceRange ? 127 : 255;
  const axes = shapeOf(x).map((_, i) => i);
  const zero = c.constantF('f32', 0);
  const low = c.one('min', [c.one('reduce_min', [x], { axes, keep: false }), zero]);
  const high = c.one('max', [c.one('reduce_max', [x], { axes, keep: false }), zero]);
  const span = c.one('div', [c.one('sub', [high, low]), c.constantF('f32', top)]);
  // The zero point is that of the range as it is, also where the scale is raised; a range of zeros must not divide by 0.
  const ratio = c.one('max', [span, c.constantF('f32', SMALLEST_NORMAL)]);
  const scale = c.one('max', [span, c.constantF('f32', SMALLEST_SCALE)]);
  const place = c.one('neg', [c.one('div', [low, ratio])]);
  const zeroPoint = clampNumbers(c, c.one('round', [place]), 0, top);
  const inverse = c.one('div', [c.constantF('f32', 1), scale]);
  const placed = c.one('add', [c.one('round', [c.one('mul', [x, inverse])]), zeroPoint]);
  const grid = c.cast(clampNumbers(c, placed, 0, 255), 'u8');
  const sums = c.cast(integerProduct(c, grid, c.cast(zeroPoint, 'i32'), w, undefined), 'f32');
  const real = c.one('mul', [sums, c.one('mul', [vector(c, 'f32', w.scales), scale])]);
  return packed.bias === undefined ? real : c.one('add', [real, packed.bias]);
}

const dynamicLinear =
  (withRelu: boolean): Handler =>
  (c, a) => {
    const x = c.value(a.tensor('X'));
    return relu(c, dynamicProduct(c, x, packedOf(c, a, 'W_prepack'), a.flag('reduce_range')), withRelu);
  };

/** Weights of half width, computed in full. */
export const halfProduct = (c: Lowering, x: Value, packed: Packed): Value =>
  linear(c, x, c.cast(c.value(packed.weight), 'f32'), packed.bias);

const dynamicLinearHalf: Handler = (c, a) =>
  halfProduct(c, c.value(a.tensor('X')), packedOf(c, a, 'W_prepack'));

/** An operator on the reals, whose result goes to a grid. */
function byReals(c: Lowering, a: Args, x: Value, like: TensorItem): TensorItem {
  return quantize(c, x, perTensor(a, 'scale', 'zero_point'), like.dtype);
}

const elementwise =
  (op: string, withRelu: boolean): Handler =>
  (c, a) => {
    const [x, y] = [a.tensor('qa'), a.tensor('qb')];
    return byReals(c, a, relu(c, c.one(op, [dequantize(c, x), dequantize(c, y)]), withRelu), x);
  };

/** Quantisation of training for export: onto the grid and back. */
const fakeQuantize: Handler = (c, a) => {
  const x = c.value(a.tensor('self'));
  const [scale, zero] = [c.constantF('f32', a.number('scale')), c.constantF('f32', a.number('zero_point'))];
  const placed = c.one('add', [
    c.one('round', [c.one('mul', [x, c.constantF('f32', 1 / a.number('scale'))])]),
    zero,
  ]);
  const grid = clampNumbers(c, placed, a.number('quant_min'), a.number('quant_max'));
  return c.one('mul', [c.one('sub', [grid, zero]), scale]);
};

export const QUANTIZATION: Family = {
  'quantize_per_tensor(Tensor self, float scale, int zero_point, int dtype)': (c, a) =>
    quantize(c, c.value(a.tensor('self')), perTensor(a, 'scale', 'zero_point'), quantizedType(c, a)),
  'quantize_per_channel(Tensor self, Tensor scales, Tensor zero_points, int axis, int dtype)': (c, a) => {
    const numbers = (name: string): number[] => {
      const constant = constantOf(c.value(a.tensor(name)));
      if (constant === undefined)
        throw c.refuse('E4310', `'${name}' of quantize_per_channel depends on data`);
      return Array.from(constantNumbers(constant));
    };
    const q = { scale: numbers('scales'), zeroPoint: numbers('zero_points'), axis: a.number('axis') };
    return quantize(c, c.value(a.tensor('self')), q, quantizedType(c, a));
  },
  'dequantize(Tensor self)': (c, a) => {
    const t = a.tensor('self');
    return t.quantizer === undefined ? t : dequantize(c, t);
  },
  'int_repr(Tensor self)': (c, a) => c.fresh(c.value(a.tensor('self'))),
  'q_scale(Tensor self)': (c, a) => float(quantizerOf(c, a.tensor('self')).scale[0] ?? 1),
  'q_zero_point(Tensor self)': (c, a) => int(quantizerOf(c, a.tensor('self')).zeroPoint[0] ?? 0),
  'fake_quantize_per_tensor_affine(Tensor self, float scale, int zero_point, int quant_min, int quant_max)':
    fakeQuantize,
};

const GRID = 'float scale, int zero_point';

export const QUANTIZED: Family = {
  'linear_dynamic(Tensor X, Object W_prepack, bool reduce_range=False)': dynamicLinear(false),
  'linear_relu_dynamic(Tensor X, Object W_prepack, bool reduce_range=False)': dynamicLinear(true),
  'linear_dynamic_fp16(Tensor X, Object W_prepack)': dynamicLinearHalf,
  [`linear(Tensor x, Object w_prepack, ${GRID})`]: staticProduct(false, 'w_prepack'),
  [`linear_relu(Tensor x, Object w_prepack, ${GRID})`]: staticProduct(true, 'w_prepack'),
  ...Object.fromEntries(
    [1, 2, 3].flatMap((n): [string, Handler][] => [
      [`conv${n}d(Tensor x, Object w_prepack, ${GRID})`, staticProduct(false, 'w_prepack')],
      [`conv${n}d_relu(Tensor x, Object w_prepack, ${GRID})`, staticProduct(true, 'w_prepack')],
    ]),
  ),
  [`add(Tensor qa, Tensor qb, ${GRID})`]: elementwise('add', false),
  [`add_relu(Tensor qa, Tensor qb, ${GRID})`]: elementwise('add', true),
  [`mul(Tensor qa, Tensor qb, ${GRID})`]: elementwise('mul', false),
  [`mul_relu(Tensor qa, Tensor qb, ${GRID})`]: elementwise('mul', true),
  'cat(Tensor[] qx, int dim, float? scale, int? zero_point)': (c, a) => {
    const tensors = a.tensors('qx');
    const [first] = tensors as [TensorItem];
    const own = quantizerOf(c, first);
    const q = {
      scale: [a.numberOr('scale') ?? own.scale[0] ?? 1],
      zeroPoint: [a.numberOr('zero_point') ?? own.zeroPoint[0] ?? 0],
    };
    const axis = (a.number('dim') + first.shape.length) % first.shape.length;
    return quantize(
      c,
      c.one(
        'concat',
        tensors.map((t) => dequantize(c, t)),
        { axis },
      ),
      q,
      first.dtype,
    );
  },
};

/** Operators that work on the integers of quantised tensors as they are, and keep their grid. */
export const ON_INTEGERS: ReadonlySet<string> = new Set([
  'view',
  'reshape',
  'flatten',
  'unflatten',
  'unsqueeze',
  'squeeze',
  'transpose',
  't',
  'permute',
  'expand',
  'select',
  'slice',
  'narrow',
  'chunk',
  'split',
  'split_with_sizes',
  'unbind',
  'cat',
  'contiguous',
  'clone',
  'detach',
  'size',
  'dim',
  'numel',
  'dequantize',
  'int_repr',
  'q_scale',
  'q_zero_point',
  'dtype',
  'device',
  'is_quantized',
  'dropout',
]);
