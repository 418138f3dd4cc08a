// Resampling of the spatial axes, one axis after the other: nearest by repetition or by a constant index, linear and cubic by
// a constant matrix; and padding.
import { bytesConstant } from '../../../ir/constant.js';
import type { Value } from '../../../ir/graph.js';
import type { Lowering } from '../lower/lowering.js';
import { shapeOf, sliceAxis } from '../lower/views.js';
import type { Args } from './bind.js';
import type { Family, Handler } from './declare.js';
import { alongAxis } from './pooling.js';

type Mode = 'nearest' | 'nearest-exact' | 'linear' | 'cubic' | Smooth;
/** With antialiasing: the kernel grows with the step, so that each place is an average of all that it stands for. */
type Smooth = 'smooth-linear' | 'smooth-cubic';

interface Resample {
  readonly mode: Mode;
  readonly alignCorners: boolean;
  readonly input: number;
  readonly output: number;
  /** Factor given by the model, where it is used instead of the ratio of sizes. */
  readonly factor: number | undefined;
}

const f32 = Math.fround;

/** Source place of an output place, as PyTorch computes it in fp32. */
function sourceOf({ mode, alignCorners, input, output, factor }: Resample, i: number): number {
  if (alignCorners) return output > 1 ? f32(f32(f32(input - 1) / f32(output - 1)) * i) : 0;
  const scale = factor !== undefined && factor > 0 ? f32(1 / factor) : f32(input / output);
  if (mode === 'nearest') return Math.min(input - 1, Math.floor(f32(i * scale)));
  if (mode === 'nearest-exact') return Math.min(input - 1, Math.floor(f32(f32(i + 0.5) * scale)));
  const place = f32(f32(scale * f32(i + 0.5)) - 0.5);
  return mode === 'linear' ? Math.max(0, place) : place;
}

/** Keys' cubic kernel with a = -0.75, at distances 1+t, t, 1-t, 2-t. */
function cubicWeights(t: number): number[] {
  const a = -0.75;
  const near = (x: number): number => ((a + 2) * x - (a + 3)) * x * x + 1;
  const far = (x: number): number => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return [far(1 + t), near(t), near(1 - t), far(2 - t)];
}

/** Kernels of antialiasing by distance, and how far they reach. */
const SMOOTH: Readonly<Record<Smooth, { readonly reach: number; readonly at: (x: number) => number }>> = {
  'smooth-linear': { reach: 1, at: (x) => Math.max(0, 1 - x) },
  'smooth-cubic': {
    reach: 2,
    at: (x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((2.5 - 0.5 * x) * x - 4) * x + 2 : 0),
  },
};

/** [input, output]: the weights of each output place under a kernel as wide as the step between places. */
function smoothMatrix({ alignCorners, input, output, factor }: Resample, mode: Smooth): Float32Array {
  const given = factor !== undefined && factor > 0 ? 1 / factor : input / output;
  const step = alignCorners ? (output > 1 ? (input - 1) / (output - 1) : 0) : given;
  const { reach, at } = SMOOTH[mode];
  const width = Math.max(1, step);
  const matrix = new Float32Array(input * output);
  for (let i = 0; i < output; i++) {
    const centre = step * (i + 0.5);
    const first = Math.max(0, Math.trunc(centre - reach * width + 0.5));
    const end = Math.min(input, Math.trunc(centre + reach * width + 0.5));
    const weights = Array.from({ length: Math.max(0, end - first) }, (_, k) =>
      at(Math.abs(first + k + 0.5 - centre) / width),
    );
    const sum = weights.reduce((total, w) => total + w, 0);
    for (const [k, w] of weights.entries()) matrix[(first + k) * output + i] = sum === 0 ? 0 : w / sum;
  }
  return matrix;
}

const isSmooth = (mode: Mode): mode is Smooth => Object.hasOwn(SMOOTH, mode);

/** [input, output]: the weights of each output place. */
function weightMatrix(r: Resample): Float32Array {
  if (isSmooth(r.mode)) return smoothMatrix(r, r.mode);
  const matrix = new Float32Array(r.input * r.output);
  const add = (from: number, to: number, weight: number): void => {
    const at = Math.min(r.input - 1, Math.max(0, from)) * r.output + to;
    matrix[at] = (matrix[at] ?? 0) + weight;
  };
  for (let i = 0; i < r.output; i++) {
    const place = sourceOf(r, i);
    const first = Math.floor(place);
    const t = f32(place - first);
    if (r.mode === 'linear') {
      add(first, i, 1 - t);
      add(first + 1, i, t);
    } else for (const [k, weight] of cubicWeights(t).entries()) add(first - 1 + k, i, weight);
  }
  return matrix;
}

function resampleAxis(c: Lowering, x: Value, axis: number, r: Resample): Value {
  if (r.input === r.output && (r.factor === undefined || r.factor === 1 || r.alignCorners)) return x;
  if (r.mode === 'nearest' || r.mode === 'nearest-exact') return repeatAxis(c, x, axis, r);
  c.checkElements(r.input * r.output);
  const bytes = new Uint8Array(weightMatrix(r).buffer);
  const matrix = c.builder.constant(bytesConstant('f32', [r.input, r.output], bytes));
  return alongAxis(c, x, axis, c.cast(matrix, x.type.dtype));
}

function repeatAxis(c: Lowering, x: Value, axis: number, r: Resample): Value {
  c.checkElements(r.output);
  const index = Array.from({ length: r.output }, (_, i) => sourceOf(r, i));
  const times = r.output / r.input;
  const shape = shapeOf(x);
  if (Number.isInteger(times) && index.every((from, i) => from === Math.floor(i / times))) {
    const apart = c.reshape(x, [...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)]);
    const spread = c.broadcast(apart, [...shape.slice(0, axis + 1), times, ...shape.slice(axis + 1)]);
    return c.reshape(
      spread,
      shape.map((n, i) => (i === axis ? r.output : n)),
    );
  }
  return c.one('gather', [x, c.builder.ints(index)], { axis });
}

function resample(
  c: Lowering,
  x: Value,
  output: readonly number[],
  factors: readonly (number | undefined)[],
  mode: Mode,
  alignCorners: boolean,
): Value {
  const spatial = output.length;
  return output.reduce((value, size, i) => {
    const axis = shapeOf(x).length - spatial + i;
    const input = shapeOf(value)[axis] ?? 1;
    return resampleAxis(c, value, axis, { mode, alignCorners, input, output: size, factor: factors[i] });
  }, x);
}

const FACTORS: Readonly<Record<number, readonly string[]>> = {
  1: ['scales'],
  2: ['scales_h', 'scales_w'],
  3: ['scales_d', 'scales_h', 'scales_w'],
};

/** Sizes, and optional factors by axis. */
const bySize =
  (mode: Mode, spatial: number): Handler =>
  (c, a) => {
    const factors = (FACTORS[spatial] ?? []).map((name) => a.numberOr(name));
    return resample(c, c.value(a.tensor('self')), a.ints('output_size', spatial), factors, mode, aligned(a));
  };

const aligned = (a: Args): boolean =>
  a.has('align_corners') && !a.isNone('align_corners') && a.flag('align_corners');

/** Sizes or factors. */
const bySizeOrFactor =
  (mode: Mode, spatial: number): Handler =>
  (c, a) => {
    const x = c.value(a.tensor('input'));
    const given = a.intsOr('output_size', spatial);
    const item = a.item('scale_factors');
    const factors = item.kind === 'none' ? undefined : a.ints('scale_factors', spatial);
    const input = shapeOf(x).slice(-spatial);
    const output = given ?? input.map((n, i) => Math.floor(n * (factors?.[i] ?? 1)));
    return resample(c, x, output, given === undefined ? (factors ?? []) : [], mode, aligned(a));
  };

const ARITY: Readonly<Record<string, readonly [Mode, number]>> = {
  upsample_nearest1d: ['nearest', 1],
  upsample_nearest2d: ['nearest', 2],
  upsample_nearest3d: ['nearest', 3],
  _upsample_nearest_exact1d: ['nearest-exact', 1],
  _upsample_nearest_exact2d: ['nearest-exact', 2],
  _upsample_nearest_exact3d: ['nearest-exact', 3],
  upsample_linear1d: ['linear', 1],
  upsample_bilinear2d: ['linear', 2],
  upsample_trilinear3d: ['linear', 3],
  upsample_bicubic2d: ['cubic', 2],
  _upsample_bilinear2d_aa: ['smooth-linear', 2],
  _upsample_bicubic2d_aa: ['smooth-cubic', 2],
};

const MODES: Readonly<Record<string, Mode>> = {
  nearest: 'nearest',
  'nearest-exact': 'nearest-exact',
  linear: 'linear',
  bilinear: 'linear',
  trilinear: 'linear',
  bicubic: 'cubic',
};

/** `interpolate` as archives before version 3 call it. */
const interpolate: Handler = (c, a) => {
  const x = c.value(a.tensor('input'));
  const mode = MODES[a.text('mode')];
  if (mode === undefined)
    throw c.refuse('E4318', `interpolate with the mode '${a.text('mode')}' is not supported`);
  const spatial = shapeOf(x).length - 2;
  const input = shapeOf(x).slice(2);
  const given = a.intsOr('size', spatial);
  const factors = a.isNone('scale_factor') ? undefined : a.ints('scale_factor', spatial);
  const output = given ?? input.map((n, i) => Math.floor(n * (factors?.[i] ?? 1)));
  return resample(c, x, output, given === undefined ? (factors ?? []) : [], mode, aligned(a));
};

const PAD_MODES: Readonly<Record<string, string>> = {
  constant: 'constant',
  reflect: 'reflect',
  replicate: 'edge',
  circular: 'wrap',
};

/** Pairs (before, after) from the last axis on; negative ones cut off. */
function pad(c: Lowering, x: Value, pairs: readonly number[], mode: string, value: number): Value {
  const shape = shapeOf(x);
  const amount = (axis: number, side: number): number => pairs[(shape.length - 1 - axis) * 2 + side] ?? 0;
  const cut = shape.reduce((v, n, axis) => {
    const [before, after] = [Math.max(0, -amount(axis, 0)), Math.max(0, -amount(axis, 1))];
    return before + after === 0 ? v : sliceAxis(c.builder, v, axis, before, n - before - after);
  }, x);
  return c.one('pad', [cut], {
    low: shape.map((_, axis) => Math.max(0, amount(axis, 0))),
    high: shape.map((_, axis) => Math.max(0, amount(axis, 1))),
    mode: PAD_MODES[mode] ?? 'constant',
    value,
  });
}

const padAs =
  (mode: string): Handler =>
  (c, a) =>
    pad(c, c.value(a.tensor('self')), a.ints('padding'), mode, 0);

export const RESIZE: Family = {
  ...Object.fromEntries(
    Object.entries(ARITY).flatMap(([name, [mode, spatial]]): [string, Handler][] => {
      const corners = mode.startsWith('nearest') ? '' : ', bool align_corners';
      const factors = (FACTORS[spatial] ?? []).map((f) => `, float? ${f}=None`).join('');
      return [
        [`${name}(Tensor self, int[${spatial}] output_size${corners}${factors})`, bySize(mode, spatial)],
        [
          `${name}(Tensor input, int[]? output_size${corners}, float[]? scale_factors)`,
          bySizeOrFactor(mode, spatial),
        ],
      ];
    }),
  ),
  '__interpolate(Tensor input, int[]? size=None, float[]? scale_factor=None, str mode="nearest", bool? align_corners=None, bool? recompute_scale_factor=None, bool antialias=False)':
    interpolate,
  'pad(Tensor self, int[] pad, str mode="constant", float? value=None)': (c, a) =>
    pad(c, c.value(a.tensor('self')), a.ints('pad'), a.text('mode'), a.numberOr('value') ?? 0),
  'constant_pad_nd(Tensor self, int[] pad, Scalar value=0)': (c, a) =>
    pad(c, c.value(a.tensor('self')), a.ints('pad'), 'constant', a.number('value')),
  ...Object.fromEntries(
    [1, 2, 3].flatMap((n): [string, Handler][] => [
      [`reflection_pad${n}d(Tensor self, int[${n * 2}] padding)`, padAs('reflect')],
      [`replication_pad${n}d(Tensor self, int[${n * 2}] padding)`, padAs('replicate')],
    ]),
  ),
};
