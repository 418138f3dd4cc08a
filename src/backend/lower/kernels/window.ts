// The geometry of a 2-D window operator (1-D is a plane of one row): shapes, strides, pads, groups, and which rows and
// columns of a result a tap reaches.

import { unsupported } from '../../../base/diagnostic.js';
import type { Constant } from '../../../ir/constant.js';
import type { Node, Value } from '../../../ir/graph.js';
import type { LowerContext } from '../context.js';
import type { View } from '../view.js';

export interface Planes {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
}
export interface Pair {
  readonly h: number;
  readonly w: number;
}

export interface Window {
  readonly in: Planes;
  readonly out: Planes;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly low: Pair;
  readonly groups: number;
  /** One input channel and one output channel a group. */
  readonly depthwise: boolean;
  /** Whether input channels [k, k+kSize) reach output channels [m, m+mSize) through some group. */
  connects(k: number, kSize: number, m: number, mSize: number): boolean;
}

/** Window of a conv or pooling node; throws E4120 for three spatial axes, which a pass turns into planes first. */
export function windowOf(c: LowerContext, node: Node): Window {
  const x = planes(c.shape(node.inputs[0] as Value), node);
  const out = planes(c.shape(node.outputs[0] as Value), node);
  const kernelShape =
    (node.attrs.kernel as readonly number[] | undefined) ?? c.shape(node.inputs[1] as Value).slice(2);
  const pair = (name: string, fallback: number): Pair =>
    two((node.attrs[name] as readonly number[] | undefined) ?? [], fallback);
  const groups = Number(node.attrs.groups ?? 1);
  const inGroup = x.c / groups;
  const outGroup = out.c / groups;
  return {
    in: x,
    out,
    kernel: two(kernelShape, 1),
    stride: pair('strides', 1),
    dilation: pair('dilations', 1),
    low: pair('low', 0),
    groups,
    depthwise: groups > 1 && inGroup === 1 && outGroup === 1,
    connects: (k, kSize, m, mSize) =>
      Math.floor(k / inGroup) <= Math.floor((m + mSize - 1) / outGroup) &&
      Math.floor(m / outGroup) <= Math.floor((k + kSize - 1) / inGroup),
  };
}

const two = (list: readonly number[], fallback: number): Pair =>
  list.length >= 2
    ? { h: list[0] ?? fallback, w: list[1] ?? fallback }
    : { h: fallback === 0 ? 0 : 1, w: list[0] ?? fallback };

function planes(shape: readonly number[], node: Node): Planes {
  if (shape.length > 4)
    throw unsupported('E4120', `${node.op} over ${shape.length - 2} spatial axes`, {
      node: node.origins[0]?.node ?? node.op,
    });
  const [n = 1, c = 1, h = 1, w = 1] = shape.length === 3 ? [shape[0], shape[1], 1, shape[2]] : shape;
  return { n, c, h, w };
}

/** The view with the four axes [n, c, h, w]. */
export function flatPlanes(v: View, p: Planes): View {
  if (v.axes.length === 4) return v;
  const [n, c, w] = v.axes;
  if (n === undefined || c === undefined || w === undefined) return v;
  return { ...v, axes: [n, c, { n: p.h, p: 0, f: 0 }, w] };
}

export interface Reach {
  /** First row and count of the rows of the tile that the tap reaches, relative to the tile. */
  readonly row: number;
  readonly rows: number;
  readonly column: number;
  readonly columns: number;
  /** Input row and column of the first, relative to what is stored. */
  readonly inRow: number;
  readonly inColumn: number;
}

/** Positions o in [first, first + count) whose input o * stride + offset lies in [0, size): [start, count]. */
export function reachable(
  first: number,
  count: number,
  stride: number,
  offset: number,
  size: number,
): [number, number] {
  const from = Math.max(first, Math.ceil(-offset / stride));
  const to = Math.min(first + count - 1, Math.floor((size - 1 - offset) / stride));
  return [from, Math.max(0, to - from + 1)];
}

/** Whether some tap of one axis reaches every output position. */
export function someTapCovers(
  kernel: number,
  dilation: number,
  stride: number,
  low: number,
  size: number,
  out: number,
): boolean {
  for (let k = 0; k < kernel; k++) {
    const offset = k * dilation - low;
    if (offset >= 0 && (out - 1) * stride + offset < size) return true;
  }
  return false;
}

/** Grouped weights [M, C/g, …] as dense [M, C, …] with zeros between groups: PE then needs no group's own partitions. */
export function blockDiagonal(weights: Constant, w: Window): Constant {
  const [m = 1, inGroup = 1, ...taps] = weights.shape;
  const outGroup = m / w.groups;
  const t = taps.reduce((a, b) => a * b, 1);
  const apply = (
    op: string,
    attrs: Readonly<Record<string, number | string | readonly number[]>>,
    inputs: readonly Constant[],
    shape: readonly number[],
    dtype = weights.dtype,
  ): Constant => ({
    dtype,
    shape,
    recipe: { kind: 'apply', op, attrs, inputs, result: 0 },
  });
  const split = apply(
    'reshape',
    { shape: [w.groups, outGroup, 1, inGroup * t] },
    [weights],
    [w.groups, outGroup, 1, inGroup * t],
  );
  const spread = apply(
    'broadcast',
    { shape: [w.groups, outGroup, w.groups, inGroup * t] },
    [split],
    [w.groups, outGroup, w.groups, inGroup * t],
  );
  const eye = new Uint8Array(w.groups * w.groups);
  for (let g = 0; g < w.groups; g++) eye[g * w.groups + g] = 1;
  const mask: Constant = {
    dtype: 'bool',
    shape: [w.groups, 1, w.groups, 1],
    recipe: { kind: 'bytes', bytes: eye },
    cache: eye,
  };
  const zero: Constant = {
    dtype: weights.dtype,
    shape: [],
    recipe: { kind: 'splat', bytes: new Uint8Array(8) },
  };
  const masked = apply('where', {}, [mask, spread, zero], [w.groups, outGroup, w.groups, inGroup * t]);
  const shape = [m, w.groups * inGroup, ...taps];
  return apply('reshape', { shape }, [masked], shape);
}
