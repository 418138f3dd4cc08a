// Reductions along axes within partitions. A reduction that leaves few rows is done in two steps, so that partitions share it.
import type { Value } from '../../../ir/graph.js';
import { elementCount } from '../../../ir/type.js';
import type { ReduceOp } from '../../../isa/functions.js';
import type { LowerContext } from '../context.js';
import type { Kernel } from '../kernel.js';
import { laneAxes, move } from '../move.js';
import { rowPartition } from '../rows.js';
import { reshapeView, sliceAxis, type View, viewShape } from '../view.js';
import { rowMajor } from './shape.js';

const OPS: Readonly<Record<string, ReduceOp>> = {
  reduce_sum: 'add',
  reduce_mean: 'add',
  reduce_max: 'max',
  reduce_min: 'min',
  reduce_prod: 'multiply',
};

/** From this many elements a row on, partitions share a reduction that has fewer rows than MANY_ROWS. */
const LONG_ROW = 2048;
const MANY_ROWS = 16;

const reduce: Kernel = (c, node) => {
  const x = node.inputs[0] as Value;
  const out = node.outputs[0] as Value;
  const shape = c.shape(x);
  const axes = (node.attrs.axes as readonly number[]).filter((i) => (shape[i] ?? 1) > 1);
  const op = OPS[node.op] as ReduceOp;
  const along = axes.reduce((n, i) => n * (shape[i] ?? 1), 1);
  const scale = node.op === 'reduce_mean' ? 1 / along : 1;
  const rows = elementCount(shape) / along;
  if (rows < MANY_ROWS && along >= LONG_ROW && shared(c, x, out, shape, axes, op, scale)) return;
  const partition = rowPartition(c, x, axes);
  const keep = node.attrs.keep !== false;
  const kept = shape.map((n, i) => ((node.attrs.axes as readonly number[]).includes(i) ? 1 : n));
  const dst = c.b.sbuf(out.name, c.dtype(out), kept, partition);
  reduceRows(c, x, dst, partition, axes, op, scale);
  const seen = keep ? dst : reshapeView(dst, c.shape(out));
  c.define(out, seen ?? dst);
};

/** dst[..., 1, ...] = the reduction; slices of the value are fetched where it does not fit as a whole. */
function reduceRows(
  c: LowerContext,
  x: Value,
  dst: View,
  partition: readonly number[],
  axes: readonly number[],
  op: ReduceOp,
  scale: number,
): void {
  const shape = c.shape(x);
  const bytes = c.bytesPerPartition(x, partition);
  const limit = c.budget() * 0.4;
  const onChip = c.places(x).some((p) => p.space === 'sbuf');
  const cut =
    partition.find((i) => (shape[i] ?? 1) > 128) ??
    shape.findIndex((n, i) => n > 1 && !axes.includes(i) && !partition.includes(i));
  if (onChip || bytes <= limit || cut < 0) {
    reduceScaled(c, dst, c.fetch(x, partition), axes, op, scale);
    return;
  }
  const n = shape[cut] ?? 1;
  const pieces = Math.ceil(bytes / limit);
  const step = partition.includes(cut)
    ? Math.max(128, Math.floor(n / pieces / 128) * 128)
    : Math.max(1, Math.floor(n / pieces));
  for (let i = 0; i < n; i += step) {
    const size = Math.min(step, n - i);
    const part = sliceAxis(c.place(x), cut, i, size);
    const loaded = c.b.sbuf(x.name, c.dtype(x), viewShape(part), partition);
    move(c.b, loaded, part, c.mayCrossPe(x));
    reduceScaled(c, sliceAxis(dst, cut, i, size), loaded, axes, op, scale);
  }
}

function reduceScaled(
  c: LowerContext,
  dst: View,
  src: View,
  axes: readonly number[],
  op: ReduceOp,
  scale: number,
): void {
  if (axes.length === 0) {
    c.b.copy(dst, src);
    return;
  }
  if (scale === 1) {
    c.b.reduce(op, dst, src, axes);
    return;
  }
  const sum = c.b.sbuf('sum', 'f32', viewShape(dst), laneAxes(dst));
  const placed = { ...sum, p0: dst.p0 & 127 };
  c.b.reduce(op, placed, src, axes);
  c.b.activate('copy', dst, placed, { scale });
}

/** Few long rows: elements of a row over partitions first, the partial results in one partition then. */
function shared(
  c: LowerContext,
  x: Value,
  out: Value,
  shape: readonly number[],
  axes: readonly number[],
  op: ReduceOp,
  scale: number,
): boolean {
  const inner = axes.every((i, k) => i === shape.length - axes.length + k);
  const along = axes.reduce((n, i) => n * (shape[i] ?? 1), 1);
  const lanes = divisor(along, 128);
  if (!inner || lanes < 32) return false;
  const rows = elementCount(shape) / along;
  const source = reshapeView(rowMajor(c, x), [rows, lanes, along / lanes]);
  if (source === undefined) return false;
  const loaded = c.b.sbuf(x.name, c.dtype(x), [rows, lanes, along / lanes], [1]);
  move(c.b, loaded, source, c.mayCrossPe(x));
  const partialType = c.dtype(x) === 'i32' || c.dtype(x) === 'bool' ? 'i32' : 'f32';
  const partial = c.b.sbuf('partial', partialType, [rows, lanes, 1], [1]);
  c.b.reduce(op, partial, loaded, [2]);
  const row = c.b.sbuf('partial', partialType, [rows, lanes, 1], []);
  c.b.dma(row, partial);
  const dst = c.b.sbuf(out.name, c.dtype(out), [rows, 1, 1], []);
  reduceScaled(c, dst, row, [1], op, scale);
  c.define(out, reshapeView(dst, c.shape(out)) ?? dst);
  return true;
}

/** The largest divisor of n that is at most `limit`. */
function divisor(n: number, limit: number): number {
  for (let d = limit; d > 1; d--) if (n % d === 0) return d;
  return 1;
}

export const REDUCE: Readonly<Record<string, Kernel>> = Object.fromEntries(
  Object.keys(OPS).map((op) => [op, reduce]),
);
