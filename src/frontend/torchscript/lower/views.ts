// Views as reversible steps: how to take a part of a tensor, and how to put a changed part back into the whole. In-place
// writes through any chain of views are made of the second. All shapes are static here.

import type { Value } from '../../../ir/graph.js';
import { elementCount } from '../../../ir/type.js';
import type { GraphBuilder } from '../../../ops/build.js';
import { viewStrides } from './strides.js';

export interface View {
  readonly shape: readonly number[];
  /** Strides of the view from those of what it is taken of; undefined where it cannot share memory. */
  strides(shape: readonly number[], strides: readonly number[]): readonly number[] | undefined;
  take(b: GraphBuilder, whole: Value): Value;
  /** The whole with the part replaced; undefined where places of the part coincide. */
  put(b: GraphBuilder, whole: Value, part: Value): Value | undefined;
}

export const shapeOf = (v: Value): readonly number[] => v.type.shape as readonly number[];

export function reshapeView(shape: readonly number[]): View {
  return {
    shape,
    strides: (from, strides) => viewStrides(from, strides, shape),
    take: (b, whole) => b.one('reshape', [whole], { shape }),
    put: (b, whole, part) => b.one('reshape', [part], { shape: shapeOf(whole) }),
  };
}

export function permuteView(perm: readonly number[], from: readonly number[]): View {
  return {
    shape: perm.map((axis) => from[axis] ?? 1),
    strides: (_shape, strides) => perm.map((axis) => strides[axis] ?? 1),
    take: (b, whole) => b.one('transpose', [whole], { perm }),
    put: (b, _whole, part) => b.one('transpose', [part], { perm: perm.map((_, axis) => perm.indexOf(axis)) }),
  };
}

export function expandView(shape: readonly number[], from: readonly number[]): View {
  const missing = shape.length - from.length;
  return {
    shape,
    strides: (_shape, strides) =>
      shape.map((n, i) => (from[i - missing] === n ? (strides[i - missing] ?? 0) : 0)),
    take: (b, whole) => b.one('broadcast', [whole], { shape }),
    put: (b, whole, part) =>
      elementCount(shape) === elementCount(from)
        ? b.one('reshape', [part], { shape: shapeOf(whole) })
        : undefined,
  };
}

/** Elements start + k*step, 0 <= k < size, of one axis; the step is positive. */
export function sliceView(
  axis: number,
  start: number,
  size: number,
  step: number,
  from: readonly number[],
): View {
  const shape = from.map((n, i) => (i === axis ? size : n));
  return {
    shape,
    strides: (_shape, strides) => strides.map((s, i) => (i === axis ? s * step : s)),
    take: (b, whole) => sliceAxis(b, whole, axis, start, size, step),
    put: (b, whole, part) => putSlice(b, whole, part, { axis, start, size, step }),
  };
}

/** The elements start + k*step of one axis. */
export function sliceAxis(
  b: GraphBuilder,
  x: Value,
  axis: number,
  start: number,
  size: number,
  step = 1,
): Value {
  const shape = shapeOf(x);
  return b.one('slice', [x], {
    starts: shape.map((_, i) => (i === axis ? start : 0)),
    sizes: shape.map((n, i) => (i === axis ? size : n)),
    steps: shape.map((_, i) => (i === axis ? step : 1)),
  });
}

interface Range {
  readonly axis: number;
  readonly start: number;
  readonly size: number;
  readonly step: number;
}

function putSlice(b: GraphBuilder, whole: Value, part: Value, { axis, start, size, step }: Range): Value {
  const length = shapeOf(whole)[axis] ?? 1;
  if (size === 0) return whole;
  if (step === 1 || size === 1) {
    const before = start > 0 ? [sliceAxis(b, whole, axis, 0, start)] : [];
    const end = start + size;
    const after = end < length ? [sliceAxis(b, whole, axis, end, length - end)] : [];
    return b.one('concat', [...before, part, ...after], { axis });
  }
  // Between the places written stand places kept: every place of the axis takes an element of the part, and a mask says
  // which of them count.
  const places = Array.from({ length }, (_, i) => i - start);
  const inside = (offset: number): boolean => offset >= 0 && offset % step === 0 && offset < size * step;
  const index = b.ints(places.map((offset) => (inside(offset) ? offset / step : 0)));
  const mask = b.one('ne', [b.ints(places.map((offset) => (inside(offset) ? 1 : 0))), b.scalar('i64', 0)]);
  const spread = b.one('gather', [part, index], { axis });
  const aligned = b.one('reshape', [mask], {
    shape: [
      length,
      ...shapeOf(whole)
        .slice(axis + 1)
        .map(() => 1),
    ],
  });
  return b.one('where', [aligned, spread, whole]);
}
