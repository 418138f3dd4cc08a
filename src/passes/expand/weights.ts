// Convolutions in forms that only constant weights can have: groups of computed weights become one dense set with zeros between
// groups, and a transposed convolution with computed weights (or over three axes) becomes an ordinary one of the input with
// zeros between its elements.
import type { Attrs } from '../../ir/constant.js';
import { bytesConstant } from '../../ir/constant.js';
import { constantOf, type Value } from '../../ir/graph.js';
import type { GraphBuilder } from '../../ops/build.js';
import { dimsOf, picked, range } from '../match.js';
import type { Pass } from '../pass.js';
import { applyRules, type Rule } from '../rules.js';

const ints = (attrs: Attrs, name: string): readonly number[] => attrs[name] as readonly number[];
const product = (list: readonly number[]): number => list.reduce((a, b) => a * b, 1);

/** [M, C/g, …] times zero or one by group: [M, C, …]. */
const denseGroups: Rule = (node, rw) => {
  const b = rw.builder;
  const groups = Number(node.attrs.groups);
  const [x, w, ...rest] = node.inputs as readonly [Value, Value, ...Value[]];
  const shape = dimsOf(w);
  if (groups === 1 || shape === undefined || constantOf(w) !== undefined) return undefined;
  const [filters = 1, own = 1, ...kernel] = shape;
  const run = own * product(kernel);
  const split = b.one('reshape', [w], { shape: [groups, filters / groups, 1, run] });
  const same = new Uint8Array(groups * groups);
  for (const g of range(groups)) same[g * groups + g] = 1;
  const condition = b.constant(bytesConstant('bool', [groups, 1, groups, 1], same));
  const spread = b.one('where', [condition, split, b.scalar(w.type.dtype, 0)]);
  const dense = b.one('reshape', [spread], { shape: [filters, groups * own, ...kernel] });
  return b.one('conv', [x, dense, ...rest], { ...node.attrs, groups: 1 });
};

const asConvolution: Rule = (node, rw) => {
  const b = rw.builder;
  const [x, w, ...bias] = node.inputs as readonly [Value, Value, ...Value[]];
  const [shape, taps] = [dimsOf(x), dimsOf(w)];
  if (shape === undefined || taps === undefined || (constantOf(w) !== undefined && shape.length < 5))
    return undefined;
  const kernel = taps.slice(2);
  const reach = kernel.map((k, i) => (k - 1) * (ints(node.attrs, 'dilations')[i] ?? 1));
  const border = (pads: readonly number[], extra: readonly number[]): number[] =>
    reach.map((r, i) => r - (pads[i] ?? 0) + (extra[i] ?? 0));
  const low = border(ints(node.attrs, 'low'), []);
  const high = border(ints(node.attrs, 'high'), ints(node.attrs, 'output_padding'));
  const spread = cropped(b, withZeros(b, x, ints(node.attrs, 'strides')), low, high);
  const positive = (pads: readonly number[]): number[] => pads.map((n) => Math.max(0, n));
  const same = picked(node.attrs, 'bias', 'dilations', 'groups', 'out');
  const attrs = { ...same, strides: kernel.map(() => 1), low: positive(low), high: positive(high) };
  return b.one('conv', [spread, flipped(b, w, Number(node.attrs.groups)), ...bias], attrs);
};

/** Zeros between the elements along spatial axes: element i comes to stand at i * stride. */
function withZeros(b: GraphBuilder, x: Value, strides: readonly number[]): Value {
  let y = x;
  for (const [i, stride] of strides.entries()) {
    const axis = i + 2;
    const shape = dimsOf(y) ?? [];
    const size = shape[axis] ?? 1;
    if (stride === 1) continue;
    const lifted = b.one('reshape', [y], { shape: shape.toSpliced(axis + 1, 0, 1) });
    const zeros = range(shape.length + 1).map(() => 0);
    const padded = b.one('pad', [lifted], {
      low: zeros,
      high: zeros.with(axis + 1, stride - 1),
      mode: 'constant',
      value: 0,
    });
    const flat = b.one('reshape', [padded], { shape: shape.with(axis, size * stride) });
    const sizes = shape.with(axis, (size - 1) * stride + 1);
    y = b.one('slice', [flat], { starts: shape.map(() => 0), sizes, steps: shape.map(() => 1) });
  }
  return y;
}

/** Takes off what negative padding of spatial axes means. */
function cropped(b: GraphBuilder, x: Value, low: readonly number[], high: readonly number[]): Value {
  const shape = dimsOf(x) ?? [];
  const cut = (pads: readonly number[], axis: number): number =>
    axis < 2 ? 0 : Math.max(0, -(pads[axis - 2] ?? 0));
  return b.one('slice', [x], {
    starts: shape.map((_, axis) => cut(low, axis)),
    sizes: shape.map((d, axis) => d - cut(low, axis) - cut(high, axis)),
    steps: shape.map(() => 1),
  });
}

/** Filters [C, M/g, taps] of the transposed convolution as [M, C/g, taps] of the ordinary one, taps in reverse. */
function flipped(b: GraphBuilder, w: Value, groups: number): Value {
  const [channels = 1, perGroup = 1, ...kernel] = dimsOf(w) ?? [];
  const split = b.one('reshape', [w], { shape: [groups, channels / groups, perGroup, ...kernel] });
  const turned = b.one('transpose', [split], { perm: [0, 2, 1, ...range(kernel.length, 3)] });
  const shape = [groups * perGroup, channels / groups, ...kernel];
  return b.one('slice', [b.one('reshape', [turned], { shape })], {
    starts: [0, 0, ...kernel.map((k) => k - 1)],
    sizes: shape,
    steps: [1, 1, ...kernel.map(() => -1)],
  });
}

export const EXPAND_WEIGHTS: Pass = {
  name: 'expand-weights',
  theme: 'expand',
  level: 0,
  doc: 'Grouped convolutions with computed weights become dense; transposed ones with computed weights or over three axes become ordinary.',
  run: (graph, context) =>
    applyRules(graph, context, { conv: [denseGroups], conv_transpose: [asConvolution] }),
};
