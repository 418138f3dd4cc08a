// Pooling: channels on partitions, a window is four dims of one access pattern that a reduction takes at once. Padding is a
// border of the operation's neutral element.
import type { Attrs } from '../../../ir/constant.js';
import type { LowerContext } from '../context.js';
import type { Kernel } from '../kernel.js';
import { sliceAxis, type View, viewShape } from '../view.js';
import { type Band, inBands } from './bands.js';
import { elementBits } from './shape.js';
import { padded } from './tap-packing.js';
import { type Window, windowOf } from './window.js';

/** Lowest value of an element type, as the border of a maximum. */
const LOWEST: Partial<Record<View['dtype'], number>> = {
  f32: Number.NEGATIVE_INFINITY,
  bf16: Number.NEGATIVE_INFINITY,
  f16: Number.NEGATIVE_INFINITY,
  i32: -(2 ** 31),
  i8: -128,
  i16: -(2 ** 15),
};

const maxPool: Kernel = (c, node) => {
  const w = windowOf(c, node);
  inBands(c, node, w, (band) => {
    const bits = elementBits(LOWEST[band.input.dtype] ?? 0, band.input.dtype);
    reduceWindows(c, w, band, bits, 'max', band.out);
  });
};

const avgPool: Kernel = (c, node) => {
  const w = windowOf(c, node);
  const area = w.kernel.h * w.kernel.w;
  inBands(c, node, w, (band) => {
    const sums = c.b.sbuf('sum', 'f32', viewShape(band.out), [1]);
    reduceWindows(c, w, band, 0, 'add', sums);
    const counted = countedRange(node.attrs, w);
    if (coversAll(w, counted)) c.b.activate('copy', band.out, sums, { scale: 1 / area });
    else scaleByCounts(c, w, band, sums, counted);
  });
};

/** Positions [from, to) of an axis that an average counts. */
interface Counted {
  readonly h: readonly [from: number, to: number];
  readonly w: readonly [from: number, to: number];
}

/** The input, or with include_pad the padding too, except for what rounding the output size up has added to it. */
function countedRange(attrs: Attrs, w: Window): Counted {
  if (attrs.include_pad !== true) return { h: [0, w.in.h], w: [0, w.in.w] };
  const spatial = (name: string): { h: number; w: number } => {
    const list = (attrs[name] as readonly number[] | undefined) ?? [];
    return list.length >= 2 ? { h: list[0] ?? 0, w: list[1] ?? 0 } : { h: 0, w: list[0] ?? 0 };
  };
  const high = spatial('high');
  const beyond = spatial('uncounted');
  return { h: [-w.low.h, w.in.h + high.h - beyond.h], w: [-w.low.w, w.in.w + high.w - beyond.w] };
}

/** Whether every window lies in what is counted. */
function coversAll(w: Window, { h, w: v }: Counted): boolean {
  const inside = (
    [from, to]: readonly [number, number],
    out: number,
    stride: number,
    kernel: number,
    dilation: number,
    low: number,
  ): boolean => from <= -low && (out - 1) * stride + (kernel - 1) * dilation - low < to;
  return (
    inside(h, w.out.h, w.stride.h, w.kernel.h, w.dilation.h, w.low.h) &&
    inside(v, w.out.w, w.stride.w, w.kernel.w, w.dilation.w, w.low.w)
  );
}

/** dst = reduction over each window of the (padded) planes. */
function reduceWindows(
  c: LowerContext,
  w: Window,
  band: Band,
  bits: number,
  op: 'max' | 'add',
  dst: View,
): void {
  const rows = viewShape(band.out)[2] ?? 1;
  const planes = padded(c, w, band.input, band.inRow, rows, band.outRow, bits);
  const [n, channels, h, x] = planes.axes;
  if (n === undefined || channels === undefined || h === undefined || x === undefined) return;
  const windows: View = {
    ...planes,
    axes: [
      n,
      channels,
      { n: rows, p: 0, f: h.f * w.stride.h },
      { n: w.out.w, p: 0, f: x.f * w.stride.w },
      { n: w.kernel.h, p: 0, f: h.f * w.dilation.h },
      { n: w.kernel.w, p: 0, f: x.f * w.dilation.w },
    ],
  };
  const target: View = { ...dst, axes: [...dst.axes, { n: 1, p: 0, f: 0 }, { n: 1, p: 0, f: 0 }] };
  c.b.reduce(op, target, windows, [4, 5]);
}

/** Divides by how many counted positions each window covers. */
function scaleByCounts(c: LowerContext, w: Window, band: Band, sums: View, counted: Counted): void {
  const rows = viewShape(sums)[2] ?? 1;
  const covered = (
    o: number,
    stride: number,
    low: number,
    kernel: number,
    dilation: number,
    [from, to]: readonly [number, number],
  ): number => {
    let count = 0;
    for (let k = 0; k < kernel; k++) {
      const i = o * stride - low + k * dilation;
      if (i >= from && i < to) count++;
    }
    return count;
  };
  // Rows and columns with equal counts form boxes: the interior is one, borders are few.
  const runs = (first: number, total: number, count: (o: number) => number): [number, number, number][] => {
    const found: [number, number, number][] = [];
    for (let i = 0; i < total; i++) {
      const n = count(first + i);
      const last = found.at(-1);
      if (last !== undefined && last[2] === n) last[1]++;
      else found.push([i, 1, n]);
    }
    return found;
  };
  const vertical = runs(band.outRow, rows, (o) =>
    covered(o, w.stride.h, w.low.h, w.kernel.h, w.dilation.h, counted.h),
  );
  const horizontal = runs(0, w.out.w, (o) =>
    covered(o, w.stride.w, w.low.w, w.kernel.w, w.dilation.w, counted.w),
  );
  for (const [r, high, a] of vertical) {
    for (const [v, wide, b] of horizontal) {
      const at = (x: View): View => sliceAxis(sliceAxis(x, 2, r, high), 3, v, wide);
      c.b.activate('copy', at(band.out), at(sums), { scale: 1 / Math.max(1, a * b) });
    }
  }
}

export const POOLING: Readonly<Record<string, Kernel>> = { max_pool: maxPool, avg_pool: avgPool };
