// Operators of ai.onnx that make a tensor larger or cut it: padding, centring, repetition.
import type { Value } from '../../../ir/graph.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';

const pad: Handler = (c) => {
  const x = c.input(0);
  const rank = c.rank(x);
  const mode = c.attributes.oneOf('mode', ['constant', 'reflect', 'edge', 'wrap'], 'constant');
  const pads = c.intsOf('pads', 1) ?? [];
  const axes = c.axes(c.knownInts(3, "'axes'") ?? x.type.shape.map((_, i) => i), rank);
  if (pads.length !== 2 * axes.length)
    throw c.bad(`${pads.length} pads do not belong to ${axes.length} axes`);
  const amount = (side: 0 | 1) =>
    x.type.shape.map((_, axis) =>
      axes.includes(axis) ? (pads[axes.indexOf(axis) + side * axes.length] ?? 0) : 0,
    );
  const [low, high] = [amount(0), amount(1)];
  return padBy(c, x, low, high, mode, c.optional(2));
};

/** Negative amounts cut elements off. */
export function padBy(
  c: NodeContext,
  x: Value,
  low: readonly number[],
  high: readonly number[],
  mode: string,
  fill: Value | undefined,
): Value {
  const cropped = x.type.shape.reduce<Value>((v, _, axis) => {
    const [before, after] = [Math.max(0, -(low[axis] ?? 0)), Math.max(0, -(high[axis] ?? 0))];
    return before + after === 0 ? v : c.slice(v, axis, before, c.dim(v, axis) - before - after);
  }, x);
  const [above, below] = [low.map((n) => Math.max(0, n)), high.map((n) => Math.max(0, n))];
  const value = fill === undefined ? c.attributes.float('value', 0) : c.known(fill)?.[0];
  if (value !== undefined || mode !== 'constant') return c.pad(cropped, above, below, mode, value ?? 0);
  if (fill === undefined) throw c.bad('it lacks the value to pad with');
  // The value is computed at run time: put in where a padded mask says so.
  const inside = c.pad(c.filled('u8', c.shape(cropped), 1), above, below);
  return c.where(c.cast(inside, 'bool'), c.pad(cropped, above, below), c.reshape(fill, []));
}

const tile: Handler = (c) => tileBy(c, c.input(0), c.knownInts(1, 'the repeats') ?? []);

export function tileBy(c: NodeContext, x: Value, repeats: readonly number[]): Value {
  const dims = c.shape(x);
  if (repeats.length !== dims.length)
    throw c.bad(`${repeats.length} repeats do not belong to ${dims.length} axes`);
  const apart = c.reshape(
    x,
    dims.flatMap((d) => [1, d]),
  );
  const repeated = c.broadcast(
    apart,
    dims.flatMap((d, i) => [repeats[i] ?? 1, d]),
  );
  return c.reshape(
    repeated,
    dims.map((d, i) => d * (repeats[i] ?? 1)),
  );
}

/** Cropped or padded around the centre; of an odd difference the smaller part is before. */
const centerCropPad: Handler = (c) => {
  const x = c.input(0);
  const target = c.knownInts(1, 'the target shape') ?? [];
  const axes = c.axes(
    c.attributes.ints(
      'axes',
      x.type.shape.map((_, i) => i),
    ),
    c.rank(x),
  );
  return axes.reduce((v, axis, i) => {
    const [own, wanted] = [c.dim(v, axis), target[i] ?? 0];
    if (wanted <= own) return c.slice(v, axis, Math.floor((own - wanted) / 2), wanted);
    const before = Math.floor((wanted - own) / 2);
    const amounts = (n: number) => v.type.shape.map((_, k) => (k === axis ? n : 0));
    return c.pad(v, amounts(before), amounts(wanted - own - before));
  }, x);
};

export const PADDING: HandlerTable = {
  CenterCropPad: centerCropPad,
  Pad: pad,
  Tile: tile,
};
