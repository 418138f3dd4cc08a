// Reading an image between its elements, at positions that are computed: grid_sample, and affine_grid, which makes such
// positions. All channels of a neighbour are gathered at once, weighted and summed.
import { badInput } from '../../../base/diagnostic.js';
import { bytesConstant } from '../../../ir/constant.js';
import type { Value } from '../../../ir/graph.js';
import { elementCount, rowMajorStrides } from '../../../ir/type.js';
import type { Lowering } from '../lower/lowering.js';
import { shapeOf, sliceAxis } from '../lower/views.js';
import type { Args } from './bind.js';
import type { Family, Handler } from './declare.js';
import { matmul } from './linear.js';

type Beyond = 'zeros' | 'border' | 'reflection';
const BEYOND: readonly Beyond[] = ['zeros', 'border', 'reflection'];
type Mode = 'linear' | 'nearest' | 'cubic';
const MODES: readonly Mode[] = ['linear', 'nearest', 'cubic'];

/** Arithmetic of values with numbers. */
class Sums {
  private readonly c: Lowering;
  constructor(c: Lowering) {
    this.c = c;
  }
  op(name: string, x: Value, y: Value | number): Value {
    return this.c.one(name, [x, typeof y === 'number' ? this.c.constantF(x.type.dtype, y) : y]);
  }
  add = (x: Value, y: Value | number): Value => this.op('add', x, y);
  mul = (x: Value, y: Value | number): Value => this.op('mul', x, y);
  clamp = (x: Value, low: number, high: number): Value => this.op('min', this.op('max', x, low), high);
  /** k - x */
  from = (k: number, x: Value): Value => this.add(this.mul(x, -1), k);
  /** Coefficients from the highest power on. */
  polynomial = (x: Value, [first = 0, ...rest]: readonly number[]): Value =>
    rest
      .slice(1)
      .reduce((sum, k) => this.add(this.mul(sum, x), k), this.add(this.mul(x, first), rest[0] ?? 0));
}

/** Distance of the first neighbour from the position rounded down, and the weights for a fraction in [0, 1). */
interface Neighbours {
  readonly first: number;
  weights(s: Sums, fraction: Value): readonly Value[];
}

const LINEAR: Neighbours = { first: 0, weights: (s, t) => [s.from(1, t), t] };
/** Keys' convolution with a = -0.75 at 1 + t, t, 1 - t, 2 - t. */
const CUBIC: Neighbours = {
  first: -1,
  weights: (s, t) => {
    const near = (x: Value): Value => s.polynomial(x, [1.25, -2.25, 0, 1]);
    const far = (x: Value): Value => s.polynomial(x, [-0.75, 3.75, -6, 3]);
    return [far(s.add(t, 1)), near(t), near(s.from(1, t)), far(s.from(2, t))];
  },
};

/** Within the image: by the nearest edge, or by reflection at the edges, again and again. */
function within(s: Sums, x: Value, size: number, beyond: Beyond, aligned: boolean): Value {
  if (beyond === 'zeros') return x;
  if (beyond === 'border') return s.clamp(x, 0, size - 1);
  const low = aligned ? 0 : -0.5;
  const span = aligned ? size - 1 : size;
  if (span === 0) return s.mul(x, 0);
  const turn = s.op('mod', s.add(x, -low), 2 * span);
  return s.clamp(s.add(s.op('min', turn, s.from(2 * span, turn)), low), 0, size - 1);
}

/** A neighbour along an axis. */
interface Tap {
  readonly index: Value;
  /** Undefined: 1. */
  readonly weight: Value | undefined;
}

function tapsAlong(
  c: Lowering,
  position: Value,
  size: number,
  how: { readonly mode: Mode; readonly beyond: Beyond; readonly aligned: boolean },
): readonly Tap[] {
  const s = new Sums(c);
  const { mode, beyond, aligned } = how;
  const inImage = (at: Value, weight: Value | undefined): Tap => {
    const index = s.clamp(at, 0, size - 1);
    if (beyond !== 'zeros') return { index, weight };
    const inside = c.cast(c.one('eq', [index, at]), at.type.dtype);
    return { index, weight: weight === undefined ? inside : s.mul(weight, inside) };
  };
  if (mode === 'nearest')
    return [inImage(c.one('round', [within(s, position, size, beyond, aligned)]), undefined)];
  // Cubic neighbours are brought into the image one by one, linear ones by way of the position.
  const at = mode === 'linear' ? within(s, position, size, beyond, aligned) : position;
  const { first, weights } = mode === 'linear' ? LINEAR : CUBIC;
  const base = c.one('floor', [at]);
  return weights(s, c.one('sub', [at, base])).map((weight, i) => {
    const neighbour = s.add(base, first + i);
    const inside = mode === 'linear' ? neighbour : within(s, neighbour, size, beyond, aligned);
    return inImage(beyond === 'zeros' ? neighbour : c.one('floor', [inside]), weight);
  });
}

const gridSample: Handler = (c, a) => {
  const [x, grid] = [c.value(a.tensor('input')), c.value(a.tensor('grid'))];
  const mode = MODES[a.number('interpolation_mode')];
  const beyond = BEYOND[a.number('padding_mode')];
  if (mode === undefined || beyond === undefined)
    throw c.refuse('E4318', 'grid_sampler with modes of other numbers than 0 to 2 is not supported');
  const aligned = a.flag('align_corners');
  const s = new Sums(c);
  const [n = 1, channels = 1, ...spatial] = shapeOf(x);
  const places = shapeOf(grid).slice(1, -1);
  const count = elementCount(places);
  const rank = spatial.length;
  if (rank === 0 || shapeOf(grid).at(-1) !== rank)
    throw badInput(
      'E3376',
      `grid_sampler reads an image of ${rank} axes by positions of ${shapeOf(grid).at(-1) ?? 0}`,
      c.where(),
    );
  const strides = rowMajorStrides(spatial);
  const combined = spatial.reduce<readonly Tap[]>((sofar, size, axis) => {
    // The last axis of the grid counts from the last spatial axis on.
    const picked = sliceAxis(c.builder, grid, places.length + 1, rank - 1 - axis, 1);
    const normal = s.add(c.reshape(picked, [n, count]), 1);
    const position = aligned ? s.mul(normal, (size - 1) / 2) : s.add(s.mul(normal, size / 2), -0.5);
    const taps = tapsAlong(c, position, size, { mode, beyond, aligned }).map(({ index, weight }) => ({
      index: c.one('mul', [c.cast(index, 'i64'), c.builder.scalar('i64', strides[axis] ?? 1)]),
      weight,
    }));
    if (axis === 0) return taps;
    return sofar.flatMap((p) =>
      taps.map(
        (q): Tap => ({ index: c.one('add', [p.index, q.index]), weight: product(c, p.weight, q.weight) }),
      ),
    );
  }, []);
  const rows = c.transpose(c.reshape(x, [n, channels, elementCount(spatial)]), [0, 2, 1]);
  const parts = combined.map(({ index, weight }) => {
    const values = c.one('gather_nd', [rows, c.reshape(index, [n, count, 1])], { batch: 1 });
    return weight === undefined ? values : c.one('mul', [values, c.reshape(weight, [n, count, 1])]);
  });
  const sum = parts.reduce((total, part) => c.one('add', [total, part]));
  return c.fresh(c.reshape(c.transpose(sum, [0, 2, 1]), [n, channels, ...places]));
};

function product(c: Lowering, p: Value | undefined, q: Value | undefined): Value | undefined {
  return p === undefined || q === undefined ? (p ?? q) : c.one('mul', [p, q]);
}

/** Each output position, times the affine matrix of its sample. */
const affineGrid: Handler = (c, a: Args) => {
  const theta = c.value(a.tensor('theta'));
  const [n = 1, , ...spatial] = a.ints('size');
  const aligned = a.flag('align_corners');
  const rank = spatial.length;
  const count = elementCount(spatial);
  c.checkElements(count * (rank + 1));
  const strides = rowMajorStrides(spatial);
  const points = new Float32Array(count * (rank + 1));
  for (let i = 0; i < count; i++) {
    for (const [axis, size] of spatial.entries()) {
      const at = Math.floor(i / (strides[axis] ?? 1)) % size;
      const place = aligned ? (size > 1 ? (2 * at) / (size - 1) - 1 : 0) : (2 * at + 1) / size - 1;
      points[i * (rank + 1) + (rank - 1 - axis)] = place;
    }
    points[i * (rank + 1) + rank] = 1;
  }
  const base = c.builder.constant(bytesConstant('f32', [count, rank + 1], new Uint8Array(points.buffer)));
  const grid = matmul(c, c.cast(base, theta.type.dtype), c.transpose(theta, [0, 2, 1]));
  return c.fresh(c.reshape(grid, [n, ...spatial, rank]));
};

const HOW = 'int interpolation_mode, int padding_mode, bool align_corners';

export const SAMPLING: Family = {
  [`grid_sampler(Tensor input, Tensor grid, ${HOW})`]: gridSample,
  [`grid_sampler_2d(Tensor input, Tensor grid, ${HOW})`]: gridSample,
  [`grid_sampler_3d(Tensor input, Tensor grid, ${HOW})`]: gridSample,
  'affine_grid_generator(Tensor theta, int[] size, bool align_corners)': affineGrid,
};
