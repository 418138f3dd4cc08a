// Operators that only say where elements lie: where the layout allows they become addressing, otherwise one move.
import { encodeSmallFloat } from '../../../base/float-formats.js';
import type { Node, Value } from '../../../ir/graph.js';
import { elementCount } from '../../../ir/type.js';
import type { LowerContext } from '../context.js';
import type { Kernel } from '../kernel.js';
import { defaultPartition } from '../layout.js';
import { laneAxes, move } from '../move.js';
import {
  broadcastView,
  chipAxes,
  compatible,
  dramView,
  permuteView,
  reshapeView,
  sameView,
  sliceView,
  type View,
  viewShape,
} from '../view.js';

const ints = (node: Node, name: string): readonly number[] => node.attrs[name] as readonly number[];

/** Defines the result as a view of every place of the operand that `see` can express; true where there is one. */
function asView(c: LowerContext, node: Node, see: (v: View) => View | undefined): boolean {
  const out = node.outputs[0] as Value;
  let any = false;
  for (const place of c.places(node.inputs[0] as Value)) {
    const seen = see(place);
    if (seen === undefined) continue;
    c.define(out, seen);
    any = true;
  }
  return any;
}

const reshape: Kernel = (c, node) => {
  const out = node.outputs[0] as Value;
  const shape = c.shape(out);
  if (asView(c, node, (v) => reshapeView(v, shape))) return;
  // No place allows it. A dense copy where the value lies often does; else row-major DRAM, where every reshape is free.
  const dense = denseCopy(c, node.inputs[0] as Value, shape);
  if (dense !== undefined) {
    c.define(out, dense);
    return;
  }
  c.define(out, dramView(rowMajor(c, node.inputs[0] as Value).panels[0] as never, c.dtype(out), shape));
};

/** The value on chip with the same axes on partitions and the others dense, seen under `shape`; undefined where that is no view. */
function denseCopy(c: LowerContext, v: Value, shape: readonly number[]): View | undefined {
  const place = c.place(v);
  const partition =
    place.space === 'sbuf' ? laneAxes(place) : (c.plan.wanted.get(v) ?? defaultPartition(c.shape(v)));
  if (!c.fits(v, partition) || (place.space === 'sbuf' && place.p0 % 128 !== 0)) return undefined;
  const { axes } = chipAxes(c.shape(v), partition);
  const sketch: View = { space: 'sbuf', dtype: c.dtype(v), panels: [], axes, p0: 0, f0: 0 };
  if (reshapeView(sketch, shape) === undefined) return undefined;
  const dst = c.b.sbuf(v.name, c.dtype(v), c.shape(v), partition);
  move(c.b, dst, place, c.mayCrossPe(v));
  return reshapeView(dst, shape);
}

/** The value in DRAM, dense and row-major. */
export function rowMajor(c: LowerContext, v: Value): View {
  const shape = c.shape(v);
  const dense = c.places(v).find((p) => p.space === 'dram' && p.f0 === 0 && isRowMajor(p));
  if (dense !== undefined) return dense;
  const dst = dramView(c.scratch(v.name, elementCount(shape) * 4), c.dtype(v), shape);
  move(c.b, dst, c.place(v), c.mayCrossPe(v));
  c.define(v, dst);
  return dst;
}

function isRowMajor(v: View): boolean {
  let f = 1;
  for (const a of [...v.axes].reverse()) {
    if (a.n !== 1 && a.f !== f) return false;
    f *= a.n;
  }
  return v.panels[0]?.variable !== undefined;
}

const transpose: Kernel = (c, node) => {
  asView(c, node, (v) => permuteView(v, ints(node, 'perm')));
};

/** The same bytes read as another type of the same size. */
const bitcast: Kernel = (c, node) => {
  const dtype = c.dtype(node.outputs[0] as Value);
  asView(c, node, (v) => ({ ...v, dtype }));
};

const broadcast: Kernel = (c, node) => {
  asView(c, node, (v) => broadcastView(v, ints(node, 'shape')));
};

const slice: Kernel = (c, node) => {
  const x = node.inputs[0] as Value;
  const steps = ints(node, 'steps');
  // Every other element of DRAM would be a transfer row of its own: engines stride for nothing.
  const strided = steps.some((s) => s !== 1) && elementCount(c.shape(node.outputs[0] as Value)) > 64;
  const partition = c.plan.wanted.get(x) ?? defaultPartition(c.shape(x));
  if (strided && c.places(x).every((p) => p.space === 'dram') && c.fits(x, partition)) c.fetch(x, partition);
  asView(c, node, (v) => sliceView(v, ints(node, 'starts'), ints(node, 'sizes'), ints(node, 'steps')));
};

/** Parts are moved into one result, but for those that were made in place. */
const concat: Kernel = (c, node) => {
  const out = node.outputs[0] as Value;
  const axis = Number(node.attrs.axis);
  const shape = c.shape(out);
  const home = c.joinedResult(out) ?? destination(c, node, out);
  let at = 0;
  for (const v of node.inputs) {
    const size = c.shape(v)[axis] ?? 0;
    if (elementCount(c.shape(v)) > 0) {
      const part = sliceView(
        home,
        shape.map((_, i) => (i === axis ? at : 0)),
        shape.map((n, i) => (i === axis ? size : n)),
      );
      if (!c.places(v).some((place) => sameView(place, part)))
        move(c.b, part, nearest(c, v, part), c.mayCrossPe(v));
    }
    at += size;
  }
};

/** A home for a result that is written in parts: on chip in the layout of its operands, else DRAM. */
export function destination(c: LowerContext, node: Node, out: Value): View {
  const shape = c.shape(out);
  const partition =
    c.plan.wanted.get(out) ??
    partitionOf(c, node.inputs[0] as Value, shape.length) ??
    defaultPartition(shape);
  return c.fits(out, partition) ? c.result(out, partition) : c.resultInDram(out);
}

function partitionOf(c: LowerContext, v: Value, rank: number): readonly number[] | undefined {
  const place = c.places(v).find((p) => p.space === 'sbuf');
  if (place === undefined || place.axes.length !== rank) return undefined;
  const lanes = place.axes.flatMap((a, i) => (a.n > 1 && a.p !== 0 ? [{ i, p: a.p }] : []));
  return lanes.sort((x, y) => y.p - x.p).map((x) => x.i);
}

/** The place of a value that is cheapest to move to `dst`. */
export function nearest(c: LowerContext, v: Value, dst: View): View {
  const places = c.places(v);
  const sameLanes = places.find(
    (p) =>
      p.space === dst.space && p.axes.every((a, i) => a.n === 1 || (a.p === 0) === (dst.axes[i]?.p === 0)),
  );
  return sameLanes ?? c.place(v);
}

const BITS = new DataView(new ArrayBuffer(8));

/** The bits of a number in an element type of the chip, for memset. */
export function elementBits(value: number, dtype: View['dtype']): number {
  switch (dtype) {
    case 'f32':
      BITS.setFloat32(0, value);
      return BITS.getUint32(0);
    case 'bf16':
      BITS.setFloat32(0, value);
      return BITS.getUint32(0) >>> 16;
    case 'f16':
      return encodeSmallFloat('f16', value);
    default:
      return value >>> 0;
  }
}

const pad: Kernel = (c, node) => {
  const out = node.outputs[0] as Value;
  const x = node.inputs[0] as Value;
  const low = ints(node, 'low');
  const high = ints(node, 'high');
  const own = c.shape(x);
  const home = destination(c, node, out);
  const mode = String(node.attrs.mode ?? 'constant');
  const inner = sliceView(home, low, own);
  if (mode === 'constant') {
    fillBorder(c, home, low, own, high, elementBits(Number(node.attrs.value ?? 0), home.dtype));
    if (elementCount(own) > 0) move(c.b, inner, nearest(c, x, inner), c.mayCrossPe(x));
    return;
  }
  // Axis by axis: a border is a mirrored, repeated or wrapped part of what is there already.
  move(c.b, inner, nearest(c, x, inner), c.mayCrossPe(x));
  const starts = [...low];
  const sizes = [...own];
  own.forEach((n, axis) => {
    const piece = (at: number, size: number, step = 1): View =>
      sliceView(
        home,
        starts.map((s, i) => (i === axis ? at : s)),
        sizes.map((s, i) => (i === axis ? size : s)),
        starts.map((_, i) => (i === axis ? step : 1)),
      );
    const l = low[axis] ?? 0;
    const h = high[axis] ?? 0;
    for (let k = 1; k <= l; k++) c.b.dma(piece(l - k, 1), piece(l + mirrored(mode, -k, n), 1));
    for (let k = 0; k < h; k++) c.b.dma(piece(l + n + k, 1), piece(l + mirrored(mode, n + k, n), 1));
    starts[axis] = 0;
    sizes[axis] = l + n + h;
  });
};

/** Which element of 0..n-1 stands at index i outside. */
function mirrored(mode: string, i: number, n: number): number {
  if (mode === 'edge') return i < 0 ? 0 : n - 1;
  if (mode === 'wrap') return ((i % n) + n) % n;
  const period = Math.max(1, 2 * (n - 1));
  const k = ((i % period) + period) % period;
  return k < n ? k : period - k;
}

/** Writes `bits` around the inner box, axis by axis, so that nothing is written twice. */
export function fillBorder(
  c: LowerContext,
  home: View,
  low: readonly number[],
  inner: readonly number[],
  high: readonly number[],
  bits: number,
): void {
  const starts = viewShape(home).map(() => 0);
  const sizes = viewShape(home);
  inner.forEach((n, axis) => {
    const border = (at: number, size: number): void => {
      if (size === 0) return;
      fill(
        c,
        sliceView(
          home,
          starts.map((s, i) => (i === axis ? at : s)),
          sizes.map((s, i) => (i === axis ? size : s)),
        ),
        bits,
      );
    };
    border(0, low[axis] ?? 0);
    border((low[axis] ?? 0) + n, high[axis] ?? 0);
    starts[axis] = low[axis] ?? 0;
    sizes[axis] = n;
  });
}

/** Every element of a view becomes `bits`: by an engine where it can address the view, else from a filled element by transfer. */
export function fill(c: LowerContext, v: View, bits: number): void {
  if (v.axes.some((a) => a.n === 0)) return;
  if (compatible([v])) {
    c.b.memset(v, bits);
    return;
  }
  const source = c.b.sbuf('fill', v.dtype, [1], []);
  c.b.memset(source, bits);
  c.b.dma(v, broadcastView(source, viewShape(v)));
}

export const SHAPE: Readonly<Record<string, Kernel>> = {
  reshape,
  transpose,
  bitcast,
  broadcast,
  slice,
  concat,
  pad,
};
