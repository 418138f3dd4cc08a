// Convolution without im2col: input channels on partitions, one shifted access pattern a tap, all taps and channel ranges
// accumulated in one PSUM tile. Where channels are few, several taps are packed on partitions by shifted copies. Padding is
// clipping: a tap adds only to the outputs it reaches. Images too large for the chip pass in bands of rows.
import { unsupported } from '../../../base/diagnostic.js';
import type { Attrs, Constant } from '../../../ir/constant.js';
import { constantOf, type Node, type Value } from '../../../ir/graph.js';
import { CHIP_DTYPE_BYTES } from '../../../isa/operands.js';
import type { LowerContext } from '../context.js';
import { BANK_COLUMNS, exactPairs, stationaryParts, threeParts } from '../gemm.js';
import type { Kernel } from '../kernel.js';
import { permuteView, singleAp, sliceView, type View, viewShape } from '../view.js';
import { type Band, inBands } from './bands.js';
import { depthwise } from './depthwise.js';
import { type Epilogue, evictConvolution } from './epilogue.js';
import { requireProductTypes } from './matmul.js';
import { packTaps } from './tap-packing.js';
import { blockDiagonal, flatPlanes, type Window, windowOf } from './window.js';

const conv: Kernel = (c, node) => {
  requireProductTypes(c, node);
  const w = windowOf(c, node);
  const computed = constantOf(node.inputs[1] as Value) === undefined;
  if (
    (computed && w.groups > 1) ||
    (node.attrs.residual === true && c.dtype(node.inputs[0] as Value) === 'i8')
  ) {
    throw unsupported(
      'E4124',
      computed ? 'a grouped convolution with computed weights' : 'an integer convolution with a residual',
      {
        node: node.origins[0]?.node ?? node.op,
      },
    );
  }
  if (w.depthwise && constantOf(node.inputs[1] as Value) !== undefined && depthwise(c, node, w)) return;
  const weights = new WeightCache();
  inBands(c, node, w, (band) => convolve(c, node, node.inputs[1] as Value, w, band, weights));
};

/** Weights are [M, C / groups, kernel]: a value, or a constant made for one phase of a transposed convolution. */
export function convolve(
  c: LowerContext,
  node: Node,
  source: Value | Constant,
  w: Window,
  { input, inRow, out, outRow, image }: Band,
  cache = new WeightCache(),
): void {
  const packed = packTaps(
    c,
    w,
    input,
    inRow,
    out.axes[2]?.n ?? 1,
    outRow,
    'recipe' in source || constantOf(source) !== undefined,
  );
  const dtype = input.dtype;
  const groups = packed.taps.map((t) => t.members);
  const weights = cache.get(groups, () => stationary(c, source, w, groups, dtype));
  const epilogue: Epilogue = { c, node, w, image };
  const [images = 1, , rows = 1, columns = 1] = viewShape(out);
  const perTile = Math.max(1, Math.floor(BANK_COLUMNS / columns));
  const wide = Math.min(columns, BANK_COLUMNS);
  const imageStep =
    rows * columns <= BANK_COLUMNS ? Math.max(1, Math.floor(BANK_COLUMNS / (rows * columns))) : 1;
  for (let m = 0; m < w.out.c; m += 128) {
    const channels = Math.min(128, w.out.c - m);
    for (let n = 0; n < images; n += imageStep) {
      const some = Math.min(imageStep, images - n);
      for (let o = 0; o < rows; o += perTile) {
        const high = Math.min(perTile, rows - o);
        for (let v = 0; v < columns; v += wide) {
          const width = Math.min(wide, columns - v);
          const psum = tilePsum(c, channels, some, high, width, dtype);
          accumulate(c, packed, weights, psum, { m, channels, n, some, o: o + outRow, high, v, width });
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
function tilePsum(
  c: LowerContext,
  channels: number,
  images: number,
  rows: number,
  columns: number,
  dtype: View['dtype'],
): View {
  const flat = c.b.psum('conv', channels, images * rows * columns, dtype === 'i8' ? 'i32' : 'f32');
  return {
    ...flat,
    axes: [
      { n: channels, p: 1, f: 0 },
      { n: images, p: 0, f: rows * columns },
      { n: rows, p: 0, f: columns },
      { n: columns, p: 0, f: 1 },
    ],
  };
}

type Packed = ReturnType<typeof packTaps>;
type Stationary = (tap: number, k: number, kSize: number, m: number, mSize: number) => View[] | undefined;

/** All taps of all channel ranges into one tile; the first to write covers the whole tile. */
function accumulate(c: LowerContext, packed: Packed, weights: Stationary, psum: View, t: Tile): void {
  const order = packed.taps
    .map((tap, i) => ({ i, ...packed.reach(tap, t.o, t.high, t.v, t.width) }))
    .filter((r) => r.rows > 0 && r.columns > 0);
  order.sort(
    (a, b) =>
      Number(b.rows === t.high && b.columns === t.width) -
        Number(a.rows === t.high && a.columns === t.width) || a.i - b.i,
  );
  let start = true;
  for (const r of order) {
    const depth = (packed.taps[r.i]?.members.length ?? 1) * packed.channels;
    for (let k = 0; k < depth; k += 128) {
      const size = Math.min(128, depth - k);
      const pairs = weights(r.i, k, size, t.m, t.channels);
      if (pairs === undefined) continue;
      const moving = sliceView(
        packed.source,
        [t.n, k, r.inRow, r.inColumn],
        [t.some, size, r.rows, r.columns],
        [1, 1, packed.stride.h, packed.stride.w],
      );
      const dst = sliceView(psum, [0, 0, r.row, r.column], [t.channels, t.some, r.rows, r.columns]);
      for (const [left, right] of exactPairs(pairs, packed.parts(permuteView(moving, [1, 0, 2, 3])))) {
        c.b.matmul(singleAp(dst), singleAp(left), singleAp(right), start);
        start = false;
      }
    }
  }
}

/** Weights of one node, by how taps are grouped: bands of a node share what is loaded. */
export class WeightCache {
  private readonly known = new Map<string, Stationary>();

  get(groups: readonly (readonly number[])[], make: () => Stationary): Stationary {
    const key = groups.map((g) => g.join()).join(';');
    let found = this.known.get(key);
    if (found === undefined) {
      found = make();
      this.known.set(key, found);
    }
    return found;
  }
}

/** Bytes of a weight's row in DRAM that make transfers efficient: narrower ranges of output channels share a transfer. */
const ROW_BYTES = 2048;

/** Stationary operands by group of taps, input channels and output channels; undefined where they are all zero. */
function stationary(
  c: LowerContext,
  source: Value | Constant,
  w: Window,
  groups: readonly (readonly number[])[],
  dtype: View['dtype'],
): Stationary {
  const constant = 'recipe' in source ? source : constantOf(source);
  if (constant === undefined) return computedWeights(c, source as Value, w, groups);
  const dense = w.groups > 1 ? blockDiagonal(constant, w) : constant;
  const single = groups.every((members) => members.length === 1);
  return single ? tapByTap(c, dense, w, groups, dtype) : packedTaps(c, dense, w, groups, dtype);
}

/** All taps of a range of output channels in one weight [C, taps, M range]: loaded and given back range by range. */
function tapByTap(
  c: LowerContext,
  dense: Constant,
  w: Window,
  groups: readonly (readonly number[])[],
  dtype: View['dtype'],
): Stationary {
  const taps = w.kernel.h * w.kernel.w;
  const size = CHIP_DTYPE_BYTES[dtype];
  const step = Math.max(128, Math.ceil(ROW_BYTES / (taps * size) / 128) * 128);
  const ranges = new Map<number, View[]>();
  return (group, k, kSize, m, mSize) => {
    if (w.groups > 1 && !w.connects(k, kSize, m, mSize)) return undefined;
    const first = Math.floor(m / step) * step;
    let views = ranges.get(first);
    if (views === undefined) {
      const width = Math.min(step, w.out.c - first);
      const part = applied(
        'slice',
        { starts: [first, 0, 0], sizes: [width, w.in.c, taps], steps: [1, 1, 1] },
        flatWeights(dense, w),
        [width, w.in.c, taps],
      );
      views = stationaryParts(
        c,
        applied('transpose', { perm: [1, 2, 0] }, part, [w.in.c, taps, width]),
        dtype,
      );
      ranges.set(first, views);
    }
    const tap = groups[group]?.[0] ?? 0;
    return views.map((v) => {
      const at = sliceView(v, [k, tap, m - first], [kSize, 1, mSize]);
      return { ...at, axes: [at.axes[0], at.axes[2]] as View['axes'] };
    });
  };
}

/** For each group of taps one weight [members x C, M]; there are few input channels, so all of it is small. */
function packedTaps(
  c: LowerContext,
  dense: Constant,
  w: Window,
  groups: readonly (readonly number[])[],
  dtype: View['dtype'],
): Stationary {
  const perGroup = groups.map((members) => stationaryParts(c, tapRows(dense, w, members), dtype));
  return (group, k, kSize, m, mSize) =>
    (perGroup[group] ?? []).map((part) => sliceView(part, [k, m], [kSize, mSize]));
}

/** Weights that another node computes: input channels on partitions, taps one by one. */
function computedWeights(
  c: LowerContext,
  value: Value,
  w: Window,
  groups: readonly (readonly number[])[],
): Stationary {
  const made = flatPlanes(c.fetch(value, [1]), { n: w.out.c, c: w.in.c, h: w.kernel.h, w: w.kernel.w });
  return (group, k, kSize, m, mSize) => {
    const tap = groups[group]?.[0] ?? 0;
    const at = sliceView(made, [m, k, Math.floor(tap / w.kernel.w), tap % w.kernel.w], [mSize, kSize, 1, 1]);
    const view: View = { ...at, axes: [at.axes[1], at.axes[0]] as View['axes'] };
    return view.dtype === 'f32' && !c.b.target.peFp32 ? threeParts(c, view) : [view];
  };
}

function applied(op: string, attrs: Attrs, input: Constant, shape: readonly number[]): Constant {
  return { dtype: input.dtype, shape, recipe: { kind: 'apply', op, attrs, inputs: [input], result: 0 } };
}

/** w[M, C, kh, kw] as [M, C, taps]. */
function flatWeights(weights: Constant, w: Window): Constant {
  const shape = [w.out.c, w.in.c, w.kernel.h * w.kernel.w];
  return applied('reshape', { shape }, weights, shape);
}

/** The constant [members x C, M] of some taps. */
function tapRows(weights: Constant, w: Window, members: readonly number[]): Constant {
  const flat = flatWeights(weights, w);
  const one = (tap: number): Constant =>
    applied('slice', { starts: [0, 0, tap], sizes: [w.out.c, w.in.c, 1], steps: [1, 1, 1] }, flat, [
      w.out.c,
      w.in.c,
      1,
    ]);
  const picked: Constant = {
    dtype: flat.dtype,
    shape: [w.out.c, w.in.c, members.length],
    recipe: { kind: 'apply', op: 'concat', attrs: { axis: 2 }, inputs: members.map(one), result: 0 },
  };
  const turned = applied('transpose', { perm: [2, 1, 0] }, picked, [members.length, w.in.c, w.out.c]);
  const shape = [members.length * w.in.c, w.out.c];
  return applied('reshape', { shape }, turned, shape);
}

export const CONVOLUTION: Readonly<Record<string, Kernel>> = { conv };
