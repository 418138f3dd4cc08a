// Pooling with windows of fixed size, and adaptive pooling, whose windows follow from the sizes: where they divide evenly it
// is ordinary pooling, else each axis is averaged by a constant matrix or its windows are taken one by one.

import { bytesConstant } from '../../../ir/constant.js';
import type { Value } from '../../../ir/graph.js';
import type { Lowering } from '../lower/lowering.js';
import { shapeOf, sliceAxis } from '../lower/views.js';
import type { Args } from './bind.js';
import { withBatch } from './convolution.js';
import type { Family, Handler } from './declare.js';

interface Windows {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly dilations: readonly number[];
  /** Of `high`, what rounding the size up added. */
  readonly uncounted: readonly number[];
}

/** Windows as PyTorch places them: with `ceil_mode` the last one may begin in the padding before the end, not behind it. */
function windowsOf(a: Args, input: readonly number[], dilated: boolean): Windows {
  const n = input.length;
  const kernel = a.ints('kernel_size', n);
  const given = a.ints('stride');
  const strides = given.length === 0 ? kernel : a.ints('stride', n);
  const low = a.ints('padding', n);
  const dilations = dilated ? a.ints('dilation', n) : kernel.map(() => 1);
  const ceil = a.flag('ceil_mode');
  const uncounted = input.map((size, i) => {
    if (!ceil) return 0;
    const [pad = 0, stride = 1] = [low[i], strides[i]];
    const room = size + 2 * pad - ((kernel[i] ?? 1) - 1) * (dilations[i] ?? 1) - 1;
    let count = Math.ceil(room / stride) + 1;
    if ((count - 1) * stride >= size + pad) count--;
    return Math.max(0, (count - 1) * stride - room);
  });
  return { kernel, strides, low, high: low.map((pad, i) => pad + (uncounted[i] ?? 0)), dilations, uncounted };
}

const maxPool =
  (spatial: number): Handler =>
  (c, a) =>
    withBatch(c, c.value(a.tensor('self')), spatial, (x) => {
      const { uncounted, ...windows } = windowsOf(a, shapeOf(x).slice(2), true);
      return c.one('max_pool', [x], { ...windows });
    });

const averagePool =
  (spatial: number): Handler =>
  (c, a) =>
    withBatch(c, c.value(a.tensor('self')), spatial, (x) => {
      const { uncounted, ...windows } = windowsOf(a, shapeOf(x).slice(2), false);
      const divisor = spatial === 1 ? undefined : a.numberOr('divisor_override');
      if (divisor === undefined) {
        const counts = uncounted.some((u) => u > 0) ? { uncounted } : {};
        return c.one('avg_pool', [x], { ...windows, include_pad: a.flag('count_include_pad'), ...counts });
      }
      const padded = c.one('pad', [x], {
        low: [0, 0, ...windows.low],
        high: [0, 0, ...windows.high],
        mode: 'constant',
        value: 0,
      });
      const none = windows.low.map(() => 0);
      const mean = c.one('avg_pool', [padded], { ...windows, low: none, high: none, include_pad: true });
      const taps = windows.kernel.reduce((p, k) => p * k, 1);
      return c.one('mul', [mean, c.constantF(x.type.dtype, taps / divisor)]);
    });

/** First and last (excluded) element of each window of adaptive pooling. */
function adaptiveWindows(input: number, output: number): (readonly [number, number])[] {
  return Array.from(
    { length: output },
    (_, i) => [Math.floor((i * input) / output), Math.ceil(((i + 1) * input) / output)] as const,
  );
}

function adaptive(c: Lowering, x: Value, sizes: readonly (number | undefined)[], max: boolean): Value {
  const input = shapeOf(x).slice(2);
  const output = input.map((n, i) => sizes[i] ?? n);
  const axes = input.map((_, i) => i + 2);
  if (output.every((n) => n === 1))
    return c.one(max ? 'reduce_max' : 'reduce_mean', [x], { axes, keep: true });
  if (input.every((n, i) => n % (output[i] ?? 1) === 0)) {
    const kernel = input.map((n, i) => n / (output[i] ?? 1));
    if (kernel.every((k) => k === 1)) return x;
    const none = kernel.map(() => 0);
    const windows = { kernel, strides: kernel, low: none, high: none, dilations: kernel.map(() => 1) };
    return c.one(max ? 'max_pool' : 'avg_pool', [x], windows);
  }
  return axes.reduce((value, axis, i) => {
    c.checkElements(output[i] ?? 1);
    const windows = adaptiveWindows(input[i] ?? 1, output[i] ?? 1);
    return max ? maximaAlong(c, value, axis, windows) : meansAlong(c, value, axis, windows);
  }, x);
}

function maximaAlong(
  c: Lowering,
  x: Value,
  axis: number,
  windows: readonly (readonly [number, number])[],
): Value {
  const parts = windows.map(([from, to]) =>
    c.one('reduce_max', [sliceAxis(c.builder, x, axis, from, to - from)], { axes: [axis], keep: true }),
  );
  return c.one('concat', parts, { axis });
}

/** The axis times a matrix whose columns are the windows' weights. */
function meansAlong(
  c: Lowering,
  x: Value,
  axis: number,
  windows: readonly (readonly [number, number])[],
): Value {
  const shape = shapeOf(x);
  const n = shape[axis] ?? 1;
  c.checkElements(n * windows.length);
  const weights = new Float32Array(n * windows.length);
  for (const [j, [from, to]] of windows.entries())
    for (let i = from; i < to; i++) weights[i * windows.length + j] = 1 / (to - from);
  const matrix = c.builder.constant(
    bytesConstant('f32', [n, windows.length], new Uint8Array(weights.buffer)),
  );
  return alongAxis(c, x, axis, c.cast(matrix, x.type.dtype));
}

/** x with its axis multiplied by a matrix [size, new size]. */
export function alongAxis(c: Lowering, x: Value, axis: number, matrix: Value): Value {
  const rank = shapeOf(x).length;
  const last = rank - 1;
  if (axis === last) return c.one('matmul', [x, matrix]);
  if (axis === last - 1) return c.one('matmul', [c.transpose(matrix, [1, 0]), x]);
  const perm = [...Array(rank).keys()].filter((i) => i !== axis);
  const moved = c.one('matmul', [c.transpose(x, [...perm, axis]), matrix]);
  const back = Array.from({ length: rank }, (_, i) => (i === axis ? last : perm.indexOf(i)));
  return c.transpose(moved, back);
}

const adaptivePool =
  (spatial: number, max: boolean): Handler =>
  (c, a) => {
    const item = a.item('output_size');
    const sizes =
      item.kind === 'list' || item.kind === 'tuple'
        ? item.items.map((x) =>
            x.kind === 'none' ? undefined : x.kind === 'int' ? Number(x.value) : undefined,
          )
        : a.ints('output_size', spatial);
    return withBatch(c, c.value(a.tensor('self')), spatial, (x) => adaptive(c, x, sizes, max));
  };

/** The indices of the maxima are refused when they are used; most models drop them. */
const withIndices =
  (pool: Handler): Handler =>
  (c, a) => [pool(c, a) as Value, { kind: 'absent', why: 'the indices of max pooling are not computed' }];

const SPATIAL = [1, 2, 3] as const;

export const POOLING: Family = Object.fromEntries(
  SPATIAL.flatMap((n): [string, Handler][] => {
    const window = `Tensor self, int[${n}] kernel_size, int[${n}] stride=[], int[${n}] padding=0`;
    const max = `${window}, int[${n}] dilation=1, bool ceil_mode=False`;
    const average = `${window}, bool ceil_mode=False, bool count_include_pad=True`;
    const override = n === 1 ? '' : ', int? divisor_override=None';
    return [
      [`max_pool${n}d(${max})`, maxPool(n)],
      [`max_pool${n}d_with_indices(${max})`, withIndices(maxPool(n))],
      [`avg_pool${n}d(${average}${override})`, averagePool(n)],
      [`adaptive_avg_pool${n}d(Tensor self, int[${n}] output_size)`, adaptivePool(n, false)],
      [`_adaptive_avg_pool${n}d(Tensor self, int[${n}] output_size)`, adaptivePool(n, false)],
      [`adaptive_max_pool${n}d(Tensor self, int[${n}] output_size)`, withIndices(adaptivePool(n, true))],
    ];
  }),
);
