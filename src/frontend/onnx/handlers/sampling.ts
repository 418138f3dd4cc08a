// Operators that read a tensor between its elements, at positions that are computed: GridSample, RoiAlign, DeformConv, and
// AffineGrid, which makes such positions. Neighbours are gathered row by row (all channels of a position at once), weighted
// and summed.
import { elementCount } from '../../../base/tensor.js';
import type { Value } from '../../../ir/graph.js';
import { rowMajorStrides } from '../../../ir/type.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';
import { clampTo } from './elementwise.js';

/** What lies beyond the edges. */
type Beyond = 'zeros' | 'border' | 'reflection';

interface Neighbours {
  /** Distance of the first one from the position rounded down. */
  readonly first: number;
  /** Weights of the neighbours for a position's fraction in [0, 1). */
  weights(c: NodeContext, fraction: Value): readonly Value[];
}

const LINEAR: Neighbours = {
  first: 0,
  weights: (c, t) => [c.sub(c.like(t, 1), t), t],
};

/** Keys' cubic convolution with a = -0.75: values of the kernel at 1 + t, t, 1 - t, 2 - t. */
const CUBIC: Neighbours = {
  first: -1,
  weights: (c, t) => {
    const a = -0.75;
    const polynomial = (x: Value, coefficients: readonly number[]) =>
      coefficients
        .slice(1)
        .reduce((sum, k) => c.add(c.mul(sum, x), c.like(x, k)), c.like(x, coefficients[0] ?? 0));
    const near = (x: Value) => polynomial(x, [a + 2, -(a + 3), 0, 1]);
    const far = (x: Value) => polynomial(x, [a, -5 * a, 8 * a, -4 * a]);
    const one = c.like(t, 1);
    return [far(c.add(t, one)), near(t), near(c.sub(one, t)), far(c.sub(c.like(t, 2), t))];
  },
};

const NEAREST: Neighbours = { first: 0, weights: (c, t) => [c.add(c.mul(t, c.like(t, 0)), c.like(t, 1))] };

/** Positions reflected at the edges until they lie between them: a triangle wave. */
function reflect(c: NodeContext, x: Value, low: number, high: number): Value {
  const span = high - low;
  if (span <= 0) return c.filled(x.type.dtype, c.shape(x), low);
  const turn = c.op('mod', [c.sub(x, c.like(x, low)), c.like(x, 2 * span)]);
  const folded = c.min(turn, c.sub(c.like(x, 2 * span), turn));
  return c.add(folded, c.like(x, low));
}

interface Source {
  /** [N, elements, channels] */
  readonly rows: Value;
  readonly spatial: readonly number[];
}

function sourceOf(c: NodeContext, x: Value): Source {
  const [n = 1, channels = 1, ...spatial] = c.shape(x);
  if (spatial.length === 0) throw c.bad('the operand has no spatial axes');
  return { rows: c.transpose(c.reshape(x, [n, channels, elementCount(spatial)]), [0, 2, 1]), spatial };
}

/** One neighbour along an axis: its index, within the axis, and its weight. */
interface Tap {
  readonly index: Value;
  readonly weight: Value;
}

function tapsAlong(
  c: NodeContext,
  position: Value,
  size: number,
  beyond: Beyond,
  neighbours: Neighbours,
  edges: readonly [number, number],
): readonly Tap[] {
  const base = c.op('floor', [position]);
  return neighbours.weights(c, c.sub(position, base)).map((weight, i) => {
    const at = c.add(base, c.like(base, neighbours.first + i));
    const inside = beyond === 'reflection' ? c.op('floor', [reflect(c, at, ...edges)]) : at;
    const index = clampTo(c, inside, 0, size - 1);
    return {
      index,
      weight: beyond === 'zeros' ? c.where(c.op('eq', [index, at]), weight, c.like(weight, 0)) : weight,
    };
  });
}

/** [N, Q, channels] at Q positions, given per spatial axis as [N, Q]. */
function sample(
  c: NodeContext,
  { rows, spatial }: Source,
  positions: readonly Value[],
  beyond: Beyond,
  neighbours: Neighbours,
  alignsCorners: boolean,
): Value {
  const strides = rowMajorStrides(spatial);
  const combined = positions.reduce<readonly Tap[]>((sofar, position, axis) => {
    const size = spatial[axis] ?? 1;
    const edges: readonly [number, number] = alignsCorners ? [0, size - 1] : [-0.5, size - 0.5];
    const taps = tapsAlong(c, position, size, beyond, neighbours, edges).map(({ index, weight }) => ({
      index: c.mul(c.cast(index, 'i64'), c.scalar('i64', strides[axis] ?? 1)),
      weight,
    }));
    if (sofar.length === 0) return taps;
    return sofar.flatMap((a) =>
      taps.map((b) => ({ index: c.add(a.index, b.index), weight: c.mul(a.weight, b.weight) })),
    );
  }, []);
  const parts = combined.map(({ index, weight }) => {
    const picked = c.op('gather_nd', [rows, c.unsqueeze(index, [2])], { batch: 1 });
    return c.mul(picked, c.unsqueeze(weight, [2]));
  });
  return c.chain('add', parts);
}

const gridSample: Handler = (c) => {
  const [x, grid] = [c.input(0), c.input(1)];
  const { attributes: a } = c;
  const mode = a.oneOf('mode', ['linear', 'bilinear', 'nearest', 'cubic', 'bicubic'], 'linear');
  const beyond = a.oneOf('padding_mode', ['zeros', 'border', 'reflection'], 'zeros');
  const alignsCorners = a.flag('align_corners');
  const source = sourceOf(c, x);
  const [n = 1, ...rest] = c.shape(grid);
  const outputs = rest.slice(0, -1);
  const rank = source.spatial.length;
  const positions = source.spatial.map((size, axis) => {
    // The last axis of the grid counts from the last spatial axis on.
    const normal = c.reshape(c.pick(grid, c.rank(grid) - 1, rank - 1 - axis), [n, elementCount(outputs)]);
    const one = c.like(normal, 1);
    const scaled = alignsCorners
      ? c.mul(c.div(c.add(normal, one), c.like(normal, 2)), c.like(normal, size - 1))
      : c.div(c.sub(c.mul(c.add(normal, one), c.like(normal, size)), one), c.like(normal, 2));
    const at = mode === 'nearest' ? c.op('round', [scaled]) : scaled;
    if (beyond === 'zeros') return at;
    if (beyond === 'border') return clampTo(c, at, 0, size - 1);
    return alignsCorners ? reflect(c, at, 0, size - 1) : reflect(c, at, -0.5, size - 0.5);
  });
  const neighbours = mode === 'nearest' ? NEAREST : mode.endsWith('cubic') ? CUBIC : LINEAR;
  const values = sample(c, source, positions, beyond, neighbours, alignsCorners);
  return c.reshape(c.transpose(values, [0, 2, 1]), [n, c.dim(x, 1), ...outputs]);
};

/** Every output position, times the affine matrix of its sample. */
const affineGrid: Handler = (c) => {
  const theta = c.input(0);
  const [n = 1, , ...spatial] = c.knownInts(1, 'the size') ?? [];
  const alignsCorners = c.attributes.flag('align_corners');
  const rank = spatial.length;
  const strides = rowMajorStrides(spatial);
  const count = elementCount(spatial);
  const points = c.table(count * (rank + 1));
  for (let i = 0; i < count; i++) {
    for (const [axis, size] of spatial.entries()) {
      const at = Math.floor(i / (strides[axis] ?? 1)) % size;
      const value = alignsCorners ? (size > 1 ? (2 * at) / (size - 1) - 1 : -1) : (2 * at + 1) / size - 1;
      points[i * (rank + 1) + (rank - 1 - axis)] = value;
    }
    points[i * (rank + 1) + rank] = 1;
  }
  const grid = c.matmul(
    c.numbers(theta.type.dtype, [count, rank + 1], points),
    c.transpose(theta, [0, 2, 1]),
  );
  return c.reshape(grid, [n, ...spatial, rank]);
};

/** Averages, or maxima, of samples on a regular grid within each bin of each region. */
const roiAlign: Handler = (c) => {
  const [x, rois, batches] = [c.input(0), c.input(1), c.input(2)];
  const { attributes: a } = c;
  const modes = ['half_pixel', 'output_half_pixel'] as const;
  const isHalf =
    a.oneOf('coordinate_transformation_mode', modes, c.version < 16 ? 'output_half_pixel' : 'half_pixel') ===
    'half_pixel';
  const [bins, samples] = [
    [a.int('output_height', 1), a.int('output_width', 1)] as const,
    a.int('sampling_ratio', 0),
  ];
  if (samples < 1)
    throw c.refuse('a number of samples that depends on the regions (sampling_ratio 0) is not supported');
  const [n = 1, channels = 1, height = 1, width = 1] = c.shape(x);
  const count = c.dim(rois, 0);
  const scale = a.float('spatial_scale', 1);
  /** Taps of the samples along one axis: [count, bins * samples]. */
  const axisTaps = (axis: 0 | 1) => {
    const size = axis === 0 ? height : width;
    const corner = (i: number) => {
      const scaled = c.mul(c.pick(rois, 1, i), c.like(rois, scale));
      return isHalf ? c.sub(scaled, c.like(scaled, 0.5)) : scaled;
    };
    const [start, end] = [corner(1 - axis), corner(3 - axis)];
    const length = c.sub(end, start);
    const span = isHalf ? length : c.max(length, c.like(length, 1));
    const bin = c.unsqueeze(c.div(span, c.like(span, bins[axis])), [1]);
    const steps = c.table(bins[axis] * samples, (i) => (i + 0.5) / samples);
    const at = c.add(
      c.unsqueeze(start, [1]),
      c.mul(bin, c.numbers(rois.type.dtype, [1, steps.length], steps)),
    );
    // More than one element outside counts nothing; up to that, as on the edge.
    const isNear = c.op('and', [c.op('ge', [at, c.like(at, -1)]), c.op('le', [at, c.like(at, size)])]);
    const position = clampTo(c, at, 0, size - 1);
    const low = c.op('floor', [position]);
    const fraction = c.sub(position, low);
    const weigh = (w: Value) => c.where(isNear, w, c.like(w, 0));
    const next = c.min(c.add(low, c.like(low, 1)), c.like(low, size - 1));
    return [
      { index: c.cast(low, 'i64'), weight: weigh(c.sub(c.like(fraction, 1), fraction)) },
      { index: c.cast(next, 'i64'), weight: weigh(fraction) },
    ];
  };
  const rows = c.reshape(c.transpose(x, [0, 2, 3, 1]), [n * height * width, channels]);
  const image = c.reshape(c.mul(c.cast(batches, 'i64'), c.scalar('i64', height * width)), [count, 1, 1]);
  const columns = axisTaps(1);
  const parts = axisTaps(0).flatMap((y) =>
    columns.map((z) => {
      const line = c.unsqueeze(c.mul(y.index, c.scalar('i64', width)), [2]);
      const index = c.add(image, c.add(line, c.unsqueeze(z.index, [1])));
      const weight = c.mul(c.unsqueeze(y.weight, [2]), c.unsqueeze(z.weight, [1]));
      return c.mul(c.gather(rows, index, 0), c.cast(c.unsqueeze(weight, [3]), x.type.dtype));
    }),
  );
  const isMax = a.oneOf('mode', ['avg', 'max'], 'avg') === 'max';
  const values = c.chain(isMax ? 'max' : 'add', parts);
  const apart = c.reshape(values, [count, bins[0], samples, bins[1], samples, channels]);
  return c.transpose(c.reduce(isMax ? 'max' : 'mean', apart, [2, 4], false), [0, 3, 1, 2]);
};

/** A convolution whose taps are moved by offsets, between elements, and weighted by a mask. */
const deformConv: Handler = (c) => {
  const [x, w, offset, bias, mask] = [c.input(0), c.input(1), c.input(2), c.optional(3), c.optional(4)];
  const { attributes: a } = c;
  const [filters = 1, , ...kernel] = c.shape(w);
  const [n = 1, channels = 1] = c.shape(x);
  const outputs = c.shape(offset).slice(2);
  const rank = kernel.length;
  const [groups, offsetGroups] = [a.int('group', 1), a.int('offset_group', 1)];
  const ones = kernel.map(() => 1);
  const [strides, dilations] = [a.ints('strides', ones), a.ints('dilations', ones)];
  const pads = a.ints(
    'pads',
    [...ones, ...ones].map(() => 0),
  );
  const [taps, places] = [elementCount(kernel), elementCount(outputs)];
  const [tapStrides, placeStrides] = [rowMajorStrides(kernel), rowMajorStrides(outputs)];
  /** Where each tap of each output lies without its offset, along an axis: [1, taps, outputs]. */
  const regular = (axis: number) => {
    const values = c.table(taps * places, (i) => {
      const tap = Math.floor(Math.floor(i / places) / (tapStrides[axis] ?? 1)) % (kernel[axis] ?? 1);
      const place = Math.floor((i % places) / (placeStrides[axis] ?? 1)) % (outputs[axis] ?? 1);
      return place * (strides[axis] ?? 1) - (pads[axis] ?? 0) + tap * (dilations[axis] ?? 1);
    });
    return c.numbers(offset.type.dtype, [1, taps, places], values);
  };
  const offsets = c.reshape(offset, [n, offsetGroups, taps, rank, places]);
  const masks = mask && c.reshape(mask, [n, offsetGroups, taps * places, 1]);
  const width = channels / offsetGroups;
  const sampled = Array.from({ length: offsetGroups }, (_, g) => {
    const source = sourceOf(c, c.slice(x, 1, g * width, width));
    const own = c.pick(offsets, 1, g);
    const positions = kernel.map((_, axis) =>
      c.reshape(c.add(c.pick(own, 2, axis), regular(axis)), [n, taps * places]),
    );
    const values = sample(c, source, positions, 'zeros', LINEAR, false);
    return masks === undefined ? values : c.mul(values, c.pick(masks, 1, g));
  });
  // [N, taps, outputs, C] to [N, groups, C / groups * taps, outputs], the order of the filters.
  const columns = c.transpose(c.reshape(c.concat(sampled, 2), [n, taps, places, channels]), [0, 3, 1, 2]);
  const depth = (channels / groups) * taps;
  const matrix = c.reshape(w, [1, groups, filters / groups, depth]);
  const product = c.matmul(matrix, c.reshape(columns, [n, groups, depth, places]));
  const y = c.reshape(product, [n, filters, ...outputs]);
  return bias === undefined ? y : c.add(y, c.alongAxis(bias, 1, rank + 2));
};

export const SAMPLING: HandlerTable = {
  AffineGrid: affineGrid,
  DeformConv: deformConv,
  GridSample: gridSample,
  RoiAlign: roiAlign,
};
