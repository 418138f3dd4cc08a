// Where a convolution has few input channels, most rows of PE would idle. Several taps then share a matmul: shifted copies of
// the (padded) planes lie on further partitions, so that one access pattern reads all of them. The number of copies weighs
// PE time against transfers.
import type { LowerContext } from '../context.js';
import { threeParts } from '../gemm.js';
import { move } from '../move.js';
import { reshapeView, sliceView, type View, viewShape } from '../view.js';
import { fill } from './shape.js';
import { type Reach, reachable, someTapCovers, type Window } from './window.js';

export interface TapGroup {
  /** Taps (row * kernel width + column) whose copies one matmul reads, in order of partitions. */
  readonly members: readonly number[];
  readonly h: number;
  readonly w: number;
}

export interface PackedInput {
  /** [images, members x channels, rows, columns]. */
  readonly source: View;
  readonly taps: readonly TapGroup[];
  /** Channels of one member. */
  readonly channels: number;
  /** Which part of a tile a group reaches and where its input starts. */
  reach(tap: TapGroup, o: number, rows: number, v: number, columns: number): Reach;
  /** The moving operand in the parts that exact products need (one where PE takes its type). */
  parts(moving: View): View[];
}

/** `input` holds input rows from inRow on; the result serves output rows [outRow, outRow + rows). Weights must be constant to pack. */
export function packTaps(
  c: LowerContext,
  w: Window,
  input: View,
  inRow: number,
  rows: number,
  outRow: number,
  mayPack: boolean,
): PackedInput {
  const grid = mayPack ? chooseGrid(c, w, input, rows) : { h: 1, w: 1 };
  const covered =
    someTapCovers(w.kernel.h, w.dilation.h, w.stride.h, w.low.h, w.in.h, w.out.h) &&
    someTapCovers(w.kernel.w, w.dilation.w, w.stride.w, w.low.w, w.in.w, w.out.w);
  if (grid.h * grid.w === 1 && covered) return plain(c, w, input, inRow);
  const base = padded(c, w, input, inRow, rows, outRow);
  const source = grid.h * grid.w === 1 ? base : replicate(c, w, base, grid);
  const taps: TapGroup[] = [];
  for (let h = 0; h < w.kernel.h; h += grid.h) {
    for (let x = 0; x < w.kernel.w; x += grid.w) {
      const members: number[] = [];
      // Members keep the partitions of the full grid: a group at the edge may end early, never skip.
      const wide = Math.min(grid.w, w.kernel.w - x);
      const high = wide === grid.w ? Math.min(grid.h, w.kernel.h - h) : 1;
      for (let i = 0; i < high; i++)
        for (let j = 0; j < wide; j++) members.push((h + i) * w.kernel.w + x + j);
      taps.push({ members, h, w: x });
      if (wide < grid.w) {
        for (let i = 1; i < Math.min(grid.h, w.kernel.h - h); i++) {
          taps.push({
            members: Array.from({ length: wide }, (_, j) => (h + i) * w.kernel.w + x + j),
            h: h + i,
            w: x,
          });
        }
      }
    }
  }
  return {
    source,
    taps,
    channels: w.in.c,
    reach: (tap, o, high, v, wide) => ({
      row: 0,
      rows: high,
      column: 0,
      columns: wide,
      inRow: (o - outRow) * w.stride.h + tap.h * w.dilation.h,
      inColumn: v * w.stride.w + tap.w * w.dilation.w,
    }),
    parts: exactParts(c, source),
  };
}

/** One tap a matmul, on the planes as they lie; what padding would add is left out. */
function plain(c: LowerContext, w: Window, input: View, inRow: number): PackedInput {
  const taps = Array.from({ length: w.kernel.h * w.kernel.w }, (_, t) => ({
    members: [t],
    h: Math.floor(t / w.kernel.w),
    w: t % w.kernel.w,
  }));
  return {
    source: input,
    taps,
    channels: w.in.c,
    reach: (tap, o, high, v, wide) => {
      const offsetH = tap.h * w.dilation.h - w.low.h;
      const offsetW = tap.w * w.dilation.w - w.low.w;
      const [row, rows] = reachable(o, high, w.stride.h, offsetH, w.in.h);
      const [column, columns] = reachable(v, wide, w.stride.w, offsetW, w.in.w);
      return {
        row: row - o,
        rows,
        column: column - v,
        columns,
        inRow: row * w.stride.h + offsetH - inRow,
        inColumn: column * w.stride.w + offsetW,
      };
    },
    parts: exactParts(c, input),
  };
}

/** fp32 planes are split once for the whole convolution; a tile takes the same slice of each part. */
function exactParts(c: LowerContext, source: View): (moving: View) => View[] {
  if (source.dtype !== 'f32' || c.b.target.peFp32) return (moving) => [moving];
  const parts = threeParts(c, source);
  return (moving) =>
    parts.map((part) => {
      const shift = moving.f0 - source.f0;
      // Parts are dense copies: the slice is found again by logical position.
      return { ...moving, dtype: part.dtype, panels: part.panels, f0: shift, axes: moving.axes };
    });
}

/** How many taps in each direction share a matmul. */
function chooseGrid(c: LowerContext, w: Window, input: View, rows: number): { h: number; w: number } {
  const most = Math.floor(128 / w.in.c);
  if (w.groups > 1 || most < 2 || w.kernel.h * w.kernel.w === 1) return { h: 1, w: 1 };
  const { target } = c.b;
  if (input.dtype === 'f32' && !target.peFp32) return { h: 1, w: 1 };
  const bytes = input.dtype === 'f32' ? 4 : input.dtype === 'i8' ? 1 : 2;
  const plane = ((rows - 1) * w.stride.h + w.kernel.h) * ((w.out.w - 1) * w.stride.w + w.kernel.w) * w.in.n;
  const columns = w.in.n * rows * w.out.w * Math.ceil(w.out.c / 128);
  const factor = input.dtype === 'f32' ? 4 : 1;
  let best = { h: 1, w: 1 };
  let bestNs = Number.POSITIVE_INFINITY;
  for (let h = 1; h <= w.kernel.h; h++) {
    for (let v = 1; v <= w.kernel.w && h * v <= most; v++) {
      const groups = Math.ceil(w.kernel.h / h) * Math.ceil(w.kernel.w / v);
      const pe = (groups * columns * factor * 1000) / target.clockMhz.pe;
      const copies = h * v === 1 ? 0 : h * v;
      const rate = (target.dma.bytesPerSecond * target.dma.queues) / 1e9;
      const dma =
        copies === 0
          ? 0
          : 1300 +
            (copies * w.in.c * plane * bytes) / rate +
            (copies * w.in.c * 27) / target.dma.queues +
            plane;
      const ns = Math.max(pe, dma) + 0.25 * Math.min(pe, dma);
      if (ns < bestNs) {
        bestNs = ns;
        best = { h, w: v };
      }
    }
  }
  return best;
}

/** The planes with their padding (elements of `bits`), rows from that of output row outRow on: [n, C, rows, columns]. */
export function padded(
  c: LowerContext,
  w: Window,
  input: View,
  inRow: number,
  rows: number,
  outRow: number,
  bits = 0,
): View {
  const top = outRow * w.stride.h - w.low.h;
  const high = (rows - 1) * w.stride.h + (w.kernel.h - 1) * w.dilation.h + 1;
  const wide = (w.out.w - 1) * w.stride.w + (w.kernel.w - 1) * w.dilation.w + 1;
  const [n = 1, channels = 1, stored = 1, columns = 1] = viewShape(input);
  const view = c.b.sbuf('padded', input.dtype, [n, channels, high, wide], [1]);
  const from = Math.max(0, top - inRow);
  const to = Math.max(from, Math.min(stored, top - inRow + high));
  const at = Math.min(high, from + inRow - top);
  // A window may start right of the first column: those left of it are skipped.
  const left = Math.min(wide, Math.max(0, w.low.w));
  const skipped = Math.max(0, -w.low.w);
  const taken = Math.max(0, Math.min(columns - skipped, wide - left));
  const whole = at === 0 && to - from === high && left === 0 && taken === wide;
  if (!whole) {
    const bands: [number, number, number, number][] = [
      [0, at, 0, wide],
      [at + to - from, high, 0, wide],
      [at, at + to - from, 0, left],
      [at, at + to - from, left + taken, wide],
    ];
    for (const [r0, r1, c0, c1] of bands) {
      if (r1 > r0 && c1 > c0) fill(c, sliceView(view, [0, 0, r0, c0], [n, channels, r1 - r0, c1 - c0]), bits);
    }
  }
  if (to > from && taken > 0) {
    move(
      c.b,
      sliceView(view, [0, 0, at, left], [n, channels, to - from, taken]),
      sliceView(input, [0, 0, from, skipped], [n, channels, to - from, taken]),
      false,
    );
  }
  return view;
}

/** Shifted copies on further partitions: member (i, j) holds the planes from row i and column j on. */
function replicate(c: LowerContext, w: Window, base: View, grid: { h: number; w: number }): View {
  const [n = 1, channels = 1, high = 1, wide = 1] = viewShape(base);
  const members = grid.h * grid.w;
  const source = c.b.sbuf('taps', base.dtype, [n, members * channels, high, wide], [1]);
  const flat = (v: View, rows: number): View => reshapeView(v, [n, rows, high * wide]) ?? v;
  for (let i = 0; i < grid.h; i++) {
    for (let j = 0; j < grid.w; j++) {
      const shift = i * w.dilation.h * wide + j * w.dilation.w;
      const member = i * grid.w + j;
      const length = n * high * wide - shift;
      // Images are contiguous in a partition: one run for all of them.
      const all = (v: View, rows: number): View =>
        reshapeView(
          {
            ...flat(v, rows),
            axes: [flat(v, rows).axes[1], flat(v, rows).axes[0], flat(v, rows).axes[2]] as View['axes'],
          },
          [rows, n * high * wide],
        ) as View;
      const dst = sliceView(all(source, members * channels), [member * channels, 0], [channels, length]);
      const src = sliceView(all(base, channels), [0, shift], [channels, length]);
      c.b.dma(dst, src);
    }
  }
  return source;
}
