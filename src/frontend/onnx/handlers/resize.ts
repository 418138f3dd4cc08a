// Resize and Upsample. Output positions are known at import, so each axis is a gather by constant indices (nearest) or a
// product by a constant matrix of weights (linear, cubic). Weights follow the reference of the specification.
import { isFloat } from '../../../base/dtype.js';
import type { Value } from '../../../ir/graph.js';
import { integerRange } from '../../../ops/elements.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';
import { clampTo } from './elementwise.js';

const COORDINATES = [
  'half_pixel',
  'half_pixel_symmetric',
  'pytorch_half_pixel',
  'align_corners',
  'asymmetric',
  'tf_half_pixel_for_nn',
  'tf_crop_and_resize',
] as const;
type Coordinates = (typeof COORDINATES)[number];

const ROUNDING = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'] as const;

/** How one axis is resampled. */
interface Resampling {
  readonly mode: 'nearest' | 'linear' | 'cubic';
  readonly coordinates: Coordinates;
  readonly round: (x: number, scale: number) => number;
  readonly cubicA: number;
  readonly antialias: boolean;
  readonly excludeOutside: boolean;
  readonly extrapolation: number;
}

interface Axis {
  readonly axis: number;
  readonly scale: number;
  readonly from: number;
  readonly to: number;
  /** Start and end of the region of interest, of the whole axis. */
  readonly region: readonly [number, number];
}

const ROUND: Readonly<Record<(typeof ROUNDING)[number], (x: number) => number>> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** Position in the input of output element `y`. */
function sourceOf(y: number, a: Axis, coordinates: Coordinates): number {
  // The length that the scale asks for: of a region, and before rounding.
  const exact = a.scale * a.from;
  switch (coordinates) {
    case 'align_corners':
      return exact === 1 ? 0 : (y * (a.from - 1)) / (exact - 1);
    case 'asymmetric':
      return y / a.scale;
    case 'pytorch_half_pixel':
      return exact === 1 ? -0.5 : (y + 0.5) / a.scale - 0.5;
    case 'tf_half_pixel_for_nn':
      return (y + 0.5) / a.scale;
    case 'half_pixel':
      return (y + 0.5) / a.scale - 0.5;
    case 'half_pixel_symmetric':
      return (a.from / 2) * (1 - a.to / exact) + (y + 0.5) / a.scale - 0.5;
    case 'tf_crop_and_resize': {
      const [start, end] = a.region;
      const span = (end - start) * (a.from - 1);
      return start * (a.from - 1) + (exact === 1 ? span / 2 : (y * span) / (exact - 1));
    }
  }
}

/** Keys' cubic kernel. */
function cubic(x: number, a: number): number {
  const d = Math.abs(x);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

const linear = (x: number): number => Math.max(0, 1 - Math.abs(x));

/** Weights of the neighbours `first`, `first + 1`, … of a position. */
function weightsAt(x: number, scale: number, r: Resampling): { first: number; weights: number[] } {
  // Shrinking with antialias stretches the kernel over more neighbours.
  const stretch = r.antialias ? Math.min(scale, 1) : 1;
  const reach = r.mode === 'cubic' ? 2 : 1;
  const kernel = r.mode === 'cubic' ? (d: number) => cubic(d, r.cubicA) : linear;
  const first = Math.floor(x - reach / stretch) + 1;
  const last = Math.ceil(x + reach / stretch) - 1;
  const weights = Array.from({ length: Math.max(1, last - first + 1) }, (_, i) =>
    kernel((first + i - x) * stretch),
  );
  const sum = weights.reduce((a, b) => a + b, 0);
  return { first, weights: r.antialias ? weights.map((w) => w / sum) : weights };
}

/** Row y holds the weights of the input elements for output y; row-major [to, from]. */
function weightMatrix(c: NodeContext, a: Axis, r: Resampling): Float64Array {
  const matrix = c.table(a.to * a.from);
  for (let y = 0; y < a.to; y++) {
    const { first, weights } = weightsAt(sourceOf(y, a, r.coordinates), a.scale, r);
    const isOutside = (i: number) => first + i < 0 || first + i >= a.from;
    const kept = r.excludeOutside ? weights.map((w, i) => (isOutside(i) ? 0 : w)) : weights;
    const total = r.excludeOutside ? kept.reduce((s, w) => s + w, 0) || 1 : 1;
    for (const [i, w] of kept.entries()) {
      // Elements beyond the edges are those on the edges.
      const at = Math.min(Math.max(first + i, 0), a.from - 1);
      const place = y * a.from + at;
      matrix[place] = (matrix[place] ?? 0) + w / total;
    }
  }
  return matrix;
}

function resampleAxis(c: NodeContext, x: Value, a: Axis, r: Resampling): Value {
  const result = r.mode === 'nearest' ? nearest(c, x, a, r) : weighted(c, x, a, r);
  if (r.coordinates !== 'tf_crop_and_resize') return result;
  const outside = c.table(a.to, (y) => {
    const at = sourceOf(y, a, r.coordinates);
    return at < 0 || at > a.from - 1 ? 1 : 0;
  });
  if (!outside.includes(1)) return result;
  const mask = c.alongAxis(c.numbers('bool', [a.to], outside), a.axis, c.rank(x));
  return c.where(mask, c.like(x, r.extrapolation), result);
}

function nearest(c: NodeContext, x: Value, a: Axis, r: Resampling): Value {
  const index = Array.from({ length: c.bounded(a.to) }, (_, y) => {
    const at = r.round(sourceOf(y, a, r.coordinates), a.scale);
    return Math.min(Math.max(at, 0), a.from - 1);
  });
  const times = a.to / a.from;
  if (!Number.isInteger(times) || index.some((i, y) => i !== Math.floor(y / times)))
    return c.gather(x, c.ints(index), a.axis);
  // Every element a whole number of times: a broadcast.
  const apart = c.unsqueeze(x, [a.axis + 1]);
  const shape = c.shape(apart);
  const repeated = c.broadcast(
    apart,
    shape.map((d, i) => (i === a.axis + 1 ? times : d)),
  );
  return c.reshape(
    repeated,
    c.shape(x).map((d, i) => (i === a.axis ? a.to : d)),
  );
}

function weighted(c: NodeContext, x: Value, a: Axis, r: Resampling): Value {
  const matrix = c.numbers(x.type.dtype, [a.to, a.from], weightMatrix(c, a, r));
  const last = c.rank(x) - 1;
  if (a.axis === last)
    return last === 0
      ? c.reshape(c.matmul(matrix, c.unsqueeze(x, [1])), [a.to])
      : c.matmul(x, c.transpose(matrix, [1, 0]));
  if (a.axis === last - 1) return c.matmul(matrix, x);
  return c.moveAxis(c.matmul(c.moveAxis(x, a.axis, last), c.transpose(matrix, [1, 0])), last, a.axis);
}

function resample(c: NodeContext, x: Value, axes: readonly Axis[], r: Resampling): Value {
  const { dtype } = x.type;
  for (const { scale, to, region } of axes) {
    const numbers = [scale, ...region];
    if (!numbers.every(Number.isFinite) || scale <= 0)
      throw c.bad(`an axis cannot be resized by ${numbers.join(', ')}`);
    c.bounded(to);
  }
  const changed = axes.filter(
    (a) => a.to !== a.from || a.scale !== 1 || a.region[0] !== 0 || a.region[1] !== 1,
  );
  const run = (v: Value) => changed.reduce((now, a) => resampleAxis(c, now, a, r), v);
  if (isFloat(dtype) || r.mode === 'nearest') return run(x);
  const { low, high } = integerRange(dtype);
  const values = c.op('round', [run(c.cast(x, 'f32'))]);
  return c.cast(clampTo(c, values, Number(low), Number(high)), dtype);
}

const resize: Handler = (c) => {
  const x = c.input(0);
  const { attributes: a } = c;
  const coordinates = a.oneOf('coordinate_transformation_mode', COORDINATES, 'half_pixel');
  return resample(c, x, resizedAxes(c, x), {
    mode: a.oneOf('mode', ['nearest', 'linear', 'cubic'], 'nearest'),
    coordinates,
    round: ROUND[a.oneOf('nearest_mode', ROUNDING, 'round_prefer_floor')],
    cubicA: a.float('cubic_coeff_a', -0.75),
    antialias: a.flag('antialias'),
    excludeOutside: a.flag('exclude_outside'),
    extrapolation: a.float('extrapolation_value', 0),
  });
};

function resizedAxes(c: NodeContext, x: Value): readonly Axis[] {
  const shape = c.shape(x);
  const axes = c.axes(
    c.attributes.ints(
      'axes',
      shape.map((_, i) => i),
    ),
    shape.length,
  );
  const given = (index: number, what: string) => {
    const list = c.knownInts(index, what);
    return list === undefined || list.length === 0 ? undefined : list;
  };
  const sizes = given(3, 'the sizes');
  const scales = given(2, 'the scales');
  const roi = given(1, 'the region of interest');
  if (sizes === undefined && scales === undefined) throw c.bad('it has neither scales nor sizes');
  const own = (axis: number) => shape[axis] ?? 1;
  const region = (i: number): readonly [number, number] => [roi?.[i] ?? 0, roi?.[i + axes.length] ?? 1];
  if (sizes === undefined) {
    return axes.map((axis, i) => {
      const scale = scales?.[i] ?? 1;
      return { axis, scale, from: own(axis), to: Math.floor(own(axis) * scale), region: region(i) };
    });
  }
  const ratios = axes.map((axis, i) => (sizes[i] ?? 1) / own(axis));
  const policy = c.attributes.oneOf(
    'keep_aspect_ratio_policy',
    ['stretch', 'not_larger', 'not_smaller'],
    'stretch',
  );
  const common = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  return axes.map((axis, i) => {
    const scale = policy === 'stretch' ? (ratios[i] ?? 1) : common;
    const to = policy === 'stretch' ? (sizes[i] ?? 1) : Math.floor(scale * own(axis) + 0.5);
    return { axis, scale, from: own(axis), to, region: region(i) };
  });
}

/** Upsample, and Resize of version 10: positions are plain quotients; nearest rounds down, shrinking axes up. */
const scaledOnly =
  (scalesOf: (c: NodeContext) => readonly number[]): Handler =>
  (c) => {
    const x = c.input(0);
    const scales = scalesOf(c);
    const mode = c.attributes.oneOf('mode', ['nearest', 'linear', 'bilinear'], 'nearest');
    const axes = c.shape(x).map((from, axis): Axis => {
      const scale = scales[axis] ?? 1;
      return { axis, scale, from, to: Math.floor(from * scale), region: [0, 1] };
    });
    return resample(c, x, axes, {
      mode: mode === 'nearest' ? 'nearest' : 'linear',
      coordinates: 'asymmetric',
      round: (at, scale) => (scale < 1 ? Math.ceil(at) : Math.floor(at)),
      cubicA: 0,
      antialias: false,
      excludeOutside: false,
      extrapolation: 0,
    });
  };

const scalesInput = (c: NodeContext) => c.knownInts(1, 'the scales') ?? [];

export const RESIZE: HandlerTable = {
  Resize: { 10: scaledOnly(scalesInput), 11: resize },
  Upsample: { 7: scaledOnly((c) => c.attributes.floats('scales')), 9: scaledOnly(scalesInput) },
};
