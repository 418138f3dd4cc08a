// Where a convolution has few input channels, most rows of PE would idle. Several taps then share a matmul: shifted copies of
// the (padded) planes lie on further partitions, so that one access pattern reads all of them. The number of copies weighs
// PE time against transfers. Where the convolution strides, the planes are split by phase before they are copied: each tap then
// reads one phase without gaps, and a copy holds only what its tap reads.
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

/** How many taps in each direction share a matmul; `phased`: over planes split by phase. */
interface Grid {
  readonly h: number;
  readonly w: number;
  readonly phased: boolean;
}
const SINGLE: Grid = { h: 1, w: 1, phased: false };

export interface PackedInput {
  /** [images, members x channels, rows, columns]. */
  readonly source: View;
  readonly taps: readonly TapGroup[];
  /** Channels of one member. */
  readonly channels: number;
  /** Distance in the source between the inputs of neighbouring outputs. */
  readonly stride: { readonly h: number; readonly w: number };
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
  const grid = mayPack ? chooseGrid(c, w, input, rows) : SINGLE;
  const covered =
    someTapCovers(w.kernel.h, w.dilation.h, w.stride.h, w.low.h, w.in.h, w.out.h) &&
    someTapCovers(w.kernel.w, w.dilation.w, w.stride.w, w.low.w, w.in.w, w.out.w);
  if (grid.h * grid.w === 1 && covered) return plain(c, w, input, inRow);
  const { source, stride } = packedPlanes(c, w, input, inRow, rows, outRow, grid);
  return {
    source,
    taps: groupTaps(w, grid),
    channels: w.in.c,
    stride,
    reach: (tap, o, high, v, wide) => ({
      row: 0,
      rows: high,
      column: 0,
      columns: wide,
      inRow: (o - outRow) * stride.h + (tap.h * w.dilation.h) / (w.stride.h / stride.h),
      inColumn: v * stride.w + (tap.w * w.dilation.w) / (w.stride.w / stride.w),
    }),
    parts: exactParts(c, source),
  };
}

/** The taps in groups of the grid's size: members keep the partitions of the full grid, so one at the edge may end early, never skip. */
function groupTaps(w: Window, grid: Grid): TapGroup[] {
  const taps: TapGroup[] = [];
  for (let h = 0; h < w.kernel.h; h += grid.h) {
    for (let x = 0; x < w.kernel.w; x += grid.w) {
      const members: number[] = [];
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
  return taps;
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
    stride: w.stride,
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

/** The grid that costs least, PE time against transfers. */
function chooseGrid(c: LowerContext, w: Window, input: View, rows: number): Grid {
  const most = Math.floor(128 / w.in.c);
  if (w.groups > 1 || most < 2 || w.kernel.h * w.kernel.w === 1) return SINGLE;
  const { target } = c.b;
  if (input.dtype === 'f32' && !target.peFp32) return SINGLE;
  const bytes = input.dtype === 'f32' ? 4 : input.dtype === 'i8' ? 1 : 2;
  const plane = ((rows - 1) * w.stride.h + w.kernel.h) * ((w.out.w - 1) * w.stride.w + w.kernel.w) * w.in.n;
  const columns = w.in.n * rows * w.out.w * Math.ceil(w.out.c / 128);
  const factor = input.dtype === 'f32' ? 4 : 1;
  const rate = (target.dma.bytesPerSecond * target.dma.queues) / 1e9;
  let best = SINGLE;
  let bestNs = Number.POSITIVE_INFINITY;
  for (let h = 1; h <= w.kernel.h; h++) {
    for (let v = 1; v <= w.kernel.w && h * v <= most; v++) {
      const groups = Math.ceil(w.kernel.h / h) * Math.ceil(w.kernel.w / v);
      const pe = (groups * columns * factor * 1000) / target.clockMhz.pe;
      const copies = h * v === 1 ? 0 : h * v;
      const phased = copies > 0 && splitsByPhase(w, h, v);
      const copied = phased ? plane / (w.stride.h * w.stride.w) : plane;
      const dma =
        copies === 0
          ? 0
          : 1300 +
            (copies * w.in.c * copied * bytes) / rate +
            (copies * w.in.c * 27) / target.dma.queues +
            plane;
      const ns = Math.max(pe, dma) + 0.25 * Math.min(pe, dma);
      if (ns < bestNs) {
        bestNs = ns;
        best = { h, w: v, phased };
      }
    }
  }
  return best;
}

/**
 * Whether each member of a grid reads one phase in all its groups: groups then differ by whole strides. Groups at the right edge
 * that are narrower than the grid are split by rows, so there must be none where the grid has several.
 */
function splitsByPhase(w: Window, h: number, v: number): boolean {
  const { stride, kernel, dilation } = w;
  if (stride.h * stride.w === 1 || dilation.h * dilation.w > 1) return false;
  const rows = h % stride.h === 0 || h >= kernel.h;
  const columns = v >= kernel.w || (v % stride.w === 0 && (kernel.w % v === 0 || h === 1));
  return rows && columns;
}

/** What matmuls read: the padded planes, or copies of them on further partitions, one for each member of the grid. */
function packedPlanes(
  c: LowerContext,
  w: Window,
  input: View,
  inRow: number,
  rows: number,
  outRow: number,
  grid: Grid,
): { readonly source: View; readonly stride: Window['stride'] } {
  const { stride, kernel, dilation } = w;
  if (!grid.phased) {
    const base = padded(c, w, input, inRow, rows, outRow);
    if (grid.h * grid.w === 1) return { source: base, stride };
    const wide = viewShape(base)[3] ?? 1;
    const from = (i: number, j: number) => ({ base, shift: i * dilation.h * wide + j * dilation.w });
    return { source: replicate(c, grid, from), stride };
  }
  const high = rows + Math.floor((kernel.h - 1) / stride.h);
  const wide = w.out.w + Math.floor((kernel.w - 1) / stride.w);
  const phases = new Map<number, View>();
  const from = (i: number, j: number) => {
    const [a, b] = [i % stride.h, j % stride.w];
    let base = phases.get(a * stride.w + b);
    if (base === undefined) {
      const top = outRow * stride.h - w.low.h - inRow;
      base = paddedPlanes(
        c,
        input,
        { first: top + a, count: high, step: stride.h },
        { first: b - w.low.w, count: wide, step: stride.w },
      );
      phases.set(a * stride.w + b, base);
    }
    return { base, shift: Math.floor(i / stride.h) * wide + Math.floor(j / stride.w) };
  };
  return { source: replicate(c, grid, from), stride: { h: 1, w: 1 } };
}

/** Rows or columns that are taken from planes: `first` may lie before them, and the last behind them. */
interface Taken {
  readonly first: number;
  readonly count: number;
  readonly step: number;
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
  return paddedPlanes(
    c,
    input,
    { first: top - inRow, count: high, step: 1 },
    { first: -w.low.w, count: wide, step: 1 },
    bits,
  );
}

/** Planes [n, C, rows.count, columns.count] of the input's rows and columns; outside of it elements of `bits`. */
function paddedPlanes(c: LowerContext, input: View, rows: Taken, columns: Taken, bits = 0): View {
  const [n = 1, channels = 1, storedRows = 1, storedColumns = 1] = viewShape(input);
  const [high, wide] = [rows.count, columns.count];
  const view = c.b.sbuf('padded', input.dtype, [n, channels, high, wide], [1]);
  const [r0, r1] = inside(rows, storedRows);
  const [c0, c1] = inside(columns, storedColumns);
  const outside: [number, number, number, number][] = [
    [0, r0, 0, wide],
    [r1, high, 0, wide],
    [r0, r1, 0, c0],
    [r0, r1, c1, wide],
  ];
  for (const [top, bottom, left, right] of outside) {
    if (bottom > top && right > left)
      fill(c, sliceView(view, [0, 0, top, left], [n, channels, bottom - top, right - left]), bits);
  }
  if (r1 > r0 && c1 > c0) {
    move(
      c.b,
      sliceView(view, [0, 0, r0, c0], [n, channels, r1 - r0, c1 - c0]),
      sliceView(
        input,
        [0, 0, rows.first + r0 * rows.step, columns.first + c0 * columns.step],
        [n, channels, r1 - r0, c1 - c0],
        [1, 1, rows.step, columns.step],
      ),
      false,
    );
  }
  return view;
}

/** The range of those taken that lies within `stored`; empty at the end where none does. */
function inside({ first, count, step }: Taken, stored: number): [number, number] {
  const from = Math.min(count, Math.max(0, Math.ceil(-first / step)));
  return [from, Math.max(from, Math.min(count, Math.ceil((stored - first) / step)))];
}

/** Shifted copies on further partitions: member (i, j) holds the planes `from` names, from `shift` elements on. */
function replicate(
  c: LowerContext,
  grid: Grid,
  from: (i: number, j: number) => { readonly base: View; readonly shift: number },
): View {
  const like = from(0, 0).base;
  const [n = 1, channels = 1, high = 1, wide = 1] = viewShape(like);
  const members = grid.h * grid.w;
  const source = c.b.sbuf('taps', like.dtype, [n, members * channels, high, wide], [1]);
  /** [partitions, elements]: images are contiguous in a partition, one run for all of them. */
  const runs = (v: View, rows: number): View => {
    const flat = reshapeView(v, [n, rows, high * wide]) ?? v;
    const turned = { ...flat, axes: [flat.axes[1], flat.axes[0], flat.axes[2]] as View['axes'] };
    return reshapeView(turned, [rows, n * high * wide]) as View;
  };
  for (let i = 0; i < grid.h; i++) {
    for (let j = 0; j < grid.w; j++) {
      const { base, shift } = from(i, j);
      const length = n * high * wide - shift;
      const at = [(i * grid.w + j) * channels, 0];
      c.b.dma(
        sliceView(runs(source, members * channels), at, [channels, length]),
        sliceView(runs(base, channels), [0, shift], [channels, length]),
      );
    }
  }
  return source;
}
