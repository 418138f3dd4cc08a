// Convolution without im2col: input channels on partitions, one shifted access pattern a tap, all taps and channel ranges
// accumulated in one PSUM tile. Where channels are few, several taps are packed on partitions by shifted copies. Padding is
// clipping: a tap adds only to the outputs it reaches. Images too large for the chip pass in bands of rows.
import type { Constant } from '../../../ir/constant.js';
import { constantOf, type Node, type Value } from '../../../ir/graph.js';
import { elementCount } from '../../../ir/type.js';
import type { LowerContext } from '../context.js';
import { BANK_COLUMNS } from '../gemm.js';
import type { Kernel } from '../kernel.js';
import { move } from '../move.js';
import { permuteView, singleAp, sliceView, viewShape, type View } from '../view.js';
import { depthwise } from './depthwise.js';
import { evictConvolution, type Epilogue } from './epilogue.js';
import { packTaps } from './tap-packing.js';
import { blockDiagonal, flatPlanes, type Window, windowOf } from './window.js';

/** Share of a partition's bytes that a band of input or output rows may take. */
const BAND_SHARE = 0.2;

const conv: Kernel = (c, node) => {
  const w = windowOf(c, node);
  if (w.depthwise && node.inputs[1] && constantOf(node.inputs[1]) && depthwise(c, node, w)) return;
  const [x] = node.inputs as [Value];
  const out = node.outputs[0] as Value;
  const fits = c.fits(out, [1]);
  if (fits && fitsInput(c, x)) {
    const home = flatPlanes(c.result(out, [1]), w.out);
    const input = flatPlanes(c.fetch(x, [1]), w.in);
    convolve(c, node, w, input, 0, home, 0);
    return;
  }
  // Bands of output rows of one image: input rows are fetched with their halo, output rows stored as they are done.
  const source = flatPlanes(c.place(x), w.in);
  const sink = flatPlanes(fits ? c.result(out, [1]) : c.resultInDram(out), w.out);
  const rowBytes = Math.max(w.in.w * Math.ceil(w.in.c / 128) * w.stride.h, w.out.w * Math.ceil(w.out.c / 128)) * 4;
  const band = Math.max(1, Math.floor((c.b.target.sbufPartitionBytes * BAND_SHARE) / rowBytes) - w.kernel.h);
  for (let n = 0; n < w.out.n; n++) {
    for (let o = 0; o < w.out.h; o += band) {
      const rows = Math.min(band, w.out.h - o);
      const first = Math.max(0, o * w.stride.h - w.low.h);
      const end = Math.min(w.in.h, (o + rows - 1) * w.stride.h - w.low.h + (w.kernel.h - 1) * w.dilation.h + 1);
      const piece = sliceView(source, [n, 0, first, 0], [1, w.in.c, Math.max(1, end - first), w.in.w]);
      const loaded = onChip(c, x, piece);
      const target = sliceView(sink, [n, 0, o, 0], [1, w.out.c, rows, w.out.w]);
      const made = fits ? target : c.b.sbuf(out.name, c.dtype(out), viewShape(target), [1]);
      convolve(c, node, w, loaded, first, made, o, n);
      if (!fits) c.b.dma(target, made);
    }
  }
};

function fitsInput(c: LowerContext, x: Value): boolean {
  return c.places(x).some((p) => p.space === 'sbuf') || c.bytesPerPartition(x, [1]) <= c.budget() * 0.5;
}

function onChip(c: LowerContext, x: Value, piece: View): View {
  if (piece.space === 'sbuf' && piece.p0 % 128 === 0 && piece.axes[1]?.p === 1) return piece;
  const loaded = c.b.sbuf(x.name, c.dtype(x), viewShape(piece), [1]);
  move(c.b, loaded, piece, c.mayCrossPe(x));
  return loaded;
}

/**
 * Output rows [outRow, …) of `out` [n, M, rows, W'] from input rows [inRow, …) of `input` [n, C, rows, W].
 */
function convolve(c: LowerContext, node: Node, w: Window, input: View, inRow: number, out: View, outRow: number, image = 0): void {
  const packed = packTaps(c, w, input, inRow, out.axes[2]?.n ?? 1, outRow);
  const dtype = input.dtype;
  const weights = stationary(c, node, w, packed.taps.map((t) => t.members), dtype);
  const epilogue: Epilogue = { c, node, w, image };
  const [images = 1, , rows = 1, columns = 1] = viewShape(out);
  const perTile = Math.max(1, Math.floor(BANK_COLUMNS / columns));
  const wide = Math.min(columns, BANK_COLUMNS);
  const imageStep = rows * columns <= BANK_COLUMNS ? Math.max(1, Math.floor(BANK_COLUMNS / (rows * columns))) : 1;
  for (let m = 0; m < w.out.c; m += 128) {
    const channels = Math.min(128, w.out.c - m);
    for (let n = 0; n < images; n += imageStep) {
      const some = Math.min(imageStep, images - n);
      for (let o = 0; o < rows; o += perTile) {
        const high = Math.min(perTile, rows - o);
        for (let v = 0; v < columns; v += wide) {
          const width = Math.min(wide, columns - v);
          const psum = tilePsum(c, channels, some, high, width, dtype);
          accumulate(c, w, packed, weights, psum, { m, channels, n, some, o: o + outRow, high, v, width });
          const target = sliceView(out, [n, m, o, v], [some, channels, high, width]);
          evictConvolution(epilogue, permuteView(target, [1, 0, 2, 3]), psum, { m, n, o: o + outRow, v });
        }
      }
    }
  }
}

interface Tile {
  readonly m: number;
  readonly channels: number;
  readonly n: number;
  readonly some: number;
  readonly o: number;
  readonly high: number;
  readonly v: number;
  readonly width: number;
}

/** PSUM tile [channels, images, rows, columns]. */
function tilePsum(c: LowerContext, channels: number, images: number, rows: number, columns: number, dtype: View['dtype']): View {
  const flat = c.b.psum('conv', channels, images * rows * columns, dtype === 'i8' ? 'i32' : 'f32');
  return {
    ...flat,
    axes: [{ n: channels, p: 1, f: 0 }, { n: images, p: 0, f: rows * columns }, { n: rows, p: 0, f: columns }, { n: columns, p: 0, f: 1 }],
  };
}

type Packed = ReturnType<typeof packTaps>;
type Stationary = (tap: number, k: number, kSize: number, m: number, mSize: number) => View[] | undefined;

/** All taps of all channel ranges into one tile; the first to write covers the whole tile. */
function accumulate(c: LowerContext, w: Window, packed: Packed, weights: Stationary, psum: View, t: Tile): void {
  const order = packed.taps
    .map((tap, i) => ({ i, ...packed.reach(tap, t.o, t.high, t.v, t.width) }))
    .filter((r) => r.rows > 0 && r.columns > 0);
  order.sort((a, b) => Number(b.rows === t.high && b.columns === t.width) - Number(a.rows === t.high && a.columns === t.width) || a.i - b.i);
  let start = true;
  for (const r of order) {
    for (let k = 0; k < packed.depth; k += 128) {
      const size = Math.min(128, packed.depth - k);
      const parts = weights(r.i, k, size, t.m, t.channels);
      if (parts === undefined) continue;
      const moving = sliceView(packed.source, [t.n, k, r.inRow, r.inColumn], [t.some, size, r.rows, r.columns], [1, 1, w.stride.h, w.stride.w]);
      const dst = sliceView(psum, [0, 0, r.row, r.column], [t.channels, t.some, r.rows, r.columns]);
      const movings = packed.parts(permuteView(moving, [1, 0, 2, 3]));
      for (const [part, view] of movings.entries()) {
        const stationaryPart = parts[part];
        if (stationaryPart === undefined) continue;
        c.b.matmul(singleAp(dst), singleAp(stationaryPart), singleAp(view), start);
        start = false;
      }
    }
  }
}

/** Packed weights: for each group of taps, [members x input channels, output channels], as PE wants them stationary. */
function stationary(c: LowerContext, node: Node, w: Window, groups: readonly (readonly number[])[], dtype: View['dtype']): Stationary {
  const value = node.inputs[1] as Value;
  const constant = constantOf(value);
  const taps = w.kernel.h * w.kernel.w;
  const depth = w.in.c;
  const dense = constant && w.groups > 1 ? blockDiagonal(constant, w) : constant;
  const perGroup = groups.map((members) => {
    if (dense === undefined) return undefined;
    return c.weight(tapRows(dense, w, members, taps), [0], dtype, [1]);
  });
  const onChipWeights = dense === undefined ? movableWeights(c, value, w) : undefined;
  return (group, k, kSize, m, mSize) => {
    const members = groups[group] ?? [];
    if (w.groups > 1 && members.length === 1 && !w.connects(k, kSize, m, mSize)) return undefined;
    const view = perGroup[group];
    if (view !== undefined) return [sliceView(view, [k, m], [kSize, mSize])];
    const tap = members[0] ?? 0;
    const made = onChipWeights as View;
    const [row, column] = [Math.floor(tap / w.kernel.w), tap % w.kernel.w];
    const at = sliceView(made, [m, k, row, column], [mSize, Math.min(kSize, depth - k), 1, 1]);
    return [{ ...at, axes: [at.axes[1], at.axes[0]] as View['axes'] }];
  };
}

/** Weights that another node computes: input channels on partitions, taps one by one. */
function movableWeights(c: LowerContext, value: Value, w: Window): View {
  return flatPlanes(c.fetch(value, [1]), { n: w.out.c, c: w.in.c, h: w.kernel.h, w: w.kernel.w });
}

/** The constant [members x C, M] of some taps of w[M, C, taps]. */
function tapRows(weights: Constant, w: Window, members: readonly number[], taps: number): Constant {
  const shape = [w.out.c, w.in.c, taps];
  const apply = (op: string, attrs: Constant['recipe'] extends infer R ? (R extends { attrs: infer A } ? A : never) : never, input: Constant, to: readonly number[]): Constant => ({
    dtype: input.dtype, shape: to, recipe: { kind: 'apply', op, attrs, inputs: [input], result: 0 },
  });
  const first = members[0] ?? 0;
  const step = members.length > 1 ? (members[1] ?? 0) - first : 1;
  const flat = apply('reshape', { shape }, weights, shape);
  const even = members.every((t, i) => t === first + i * step);
  const picked = even
    ? apply('slice', { starts: [0, 0, first], sizes: [w.out.c, w.in.c, members.length], steps: [1, 1, step] }, flat, [w.out.c, w.in.c, members.length])
    : ({
        dtype: flat.dtype, shape: [w.out.c, w.in.c, members.length],
        recipe: {
          kind: 'apply', op: 'concat', attrs: { axis: 2 }, result: 0,
          inputs: members.map((t) => apply('slice', { starts: [0, 0, t], sizes: [w.out.c, w.in.c, 1], steps: [1, 1, 1] }, flat, [w.out.c, w.in.c, 1])),
        },
      } satisfies Constant);
  const turned = apply('transpose', { perm: [2, 1, 0] }, picked, [members.length, w.in.c, w.out.c]);
  const to = [members.length * w.in.c, w.out.c];
  return apply('reshape', { shape: to }, turned, to);
}

export const bytesOfPlane = (w: Window): number => elementCount([w.in.h, w.in.w]) * 4;
export const CONVOLUTION: Readonly<Record<string, Kernel>> = { conv };
