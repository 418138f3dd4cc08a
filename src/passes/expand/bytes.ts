// Products of unsigned bytes. The matrix engine multiplies i8 by i8 into i32, so an unsigned byte a goes in as a - 128, which is
// a bit flipped, and 128 times the sum of what it is multiplied with is added back: exact in i32 like the product itself.
import type { Attrs } from '../../ir/constant.js';
import type { Node, Value } from '../../ir/graph.js';
import type { GraphBuilder } from '../../ops/build.js';
import { dimsOf, picked, range } from '../match.js';
import type { Pass } from '../pass.js';
import { applyRules, type Rule } from '../rules.js';

const OFFSET = 128;

/** a - 128 as i8. */
function signed(b: GraphBuilder, v: Value): Value {
  if (v.type.dtype !== 'u8') return v;
  return b.one('bitcast', [b.one('bitxor', [v, b.scalar('u8', OFFSET)])], { to: 'i8' });
}

const timesOffset = (b: GraphBuilder, v: Value): Value => b.one('mul', [v, b.scalar('i32', OFFSET)]);

/** The operand's true values, summed over an axis, in i32. */
function sums(b: GraphBuilder, v: Value, axis: number): Value {
  return b.one('reduce_sum', [b.one('cast', [v], { to: 'i32' })], { axes: [axis], keep: true });
}

/** What comes after the sums: bias along `axis`, residual, activation. */
function finished(
  b: GraphBuilder,
  node: Node,
  product: Value,
  corrections: readonly Value[],
  axis: number,
): Value {
  let y = corrections.reduce((sum, c) => b.one('add', [sum, c]), product);
  const rest = node.inputs.slice(2);
  const rank = product.type.shape.length;
  const [bias] = rest;
  if (node.attrs.bias === true && bias !== undefined)
    y = b.one('add', [
      y,
      b.one('reshape', [bias], { shape: [dimsOf(bias)?.[0] ?? 1, ...range(rank - 1 - axis).map(() => 1)] }),
    ]);
  if (node.attrs.residual === true) y = b.one('add', [y, rest.at(-1) as Value]);
  return node.attrs.act === 'relu' ? b.one('relu', [y]) : y;
}

const isUnsigned = (v: Value): boolean => v.type.dtype === 'u8';

/** a b = a' b' + 128 (sum of b over k) + 128 (sum of a' over k), each where the other operand is unsigned. */
const matrixProduct: Rule = (node, rw) => {
  const b = rw.builder;
  const [x, y] = node.inputs as readonly [Value, Value];
  if (!isUnsigned(x) && !isUnsigned(y)) return undefined;
  const [left, right] = [signed(b, x), signed(b, y)];
  const product = b.one('matmul', [left, right], { out: 'i32' });
  const corrections = [
    ...(isUnsigned(x) ? [timesOffset(b, sums(b, y, y.type.shape.length - 2))] : []),
    ...(isUnsigned(y) ? [timesOffset(b, sums(b, left, x.type.shape.length - 1))] : []),
  ];
  return finished(b, node, product, corrections, product.type.shape.length - 1);
};

/** The same with windows; padding, which stands for 0, is -128 in the shifted operand and has to be there. */
const convolution: Rule = (node, rw) => {
  const b = rw.builder;
  const [x, w] = node.inputs as readonly [Value, Value];
  const taps = dimsOf(w);
  if ((!isUnsigned(x) && !isUnsigned(w)) || taps === undefined) return undefined;
  const spatial = taps.length - 2;
  const pads = (name: string): number[] => [0, 0, ...(node.attrs[name] as readonly number[])];
  const moved = signed(b, x);
  const padded = b.one('pad', [moved], {
    low: pads('low'),
    high: pads('high'),
    mode: 'constant',
    value: isUnsigned(x) ? -OFFSET : 0,
  });
  const none = range(spatial).map(() => 0);
  const attrs = {
    ...picked(node.attrs, 'strides', 'dilations', 'groups'),
    low: none,
    high: none,
    out: 'i32',
  };
  const product = b.one('conv', [padded, signed(b, w)], attrs);
  const corrections = [
    ...(isUnsigned(x) ? [filterSums(b, w)] : []),
    ...(isUnsigned(w) ? [windowSums(b, padded, w, attrs)] : []),
  ];
  return finished(b, node, product, corrections, 1);
};

/** 128 times the sum of each filter's taps: [M, 1, …]. */
function filterSums(b: GraphBuilder, w: Value): Value {
  const shape = dimsOf(w) ?? [];
  const axes = range(shape.length - 1, 1);
  const sum = b.one('reduce_sum', [b.one('cast', [w], { to: 'i32' })], { axes, keep: false });
  return b.one('reshape', [timesOffset(b, sum)], {
    shape: [shape[0] ?? 1, ...range(shape.length - 2).map(() => 1)],
  });
}

/** 128 times the sum of what each window of a group covers, for every filter of the group. */
function windowSums(b: GraphBuilder, x: Value, w: Value, attrs: Attrs): Value {
  const [filters = 1, ...patch] = dimsOf(w) ?? [];
  const groups = Number(attrs.groups);
  const ones = b.one('broadcast', [b.scalar('i8', 1)], { shape: [groups, ...patch] });
  const sums = b.one('conv', [x, ones], attrs);
  const [images = 1, , ...positions] = dimsOf(sums) ?? [];
  const lifted = b.one('reshape', [timesOffset(b, sums)], { shape: [images, groups, 1, ...positions] });
  const spread = b.one('broadcast', [lifted], { shape: [images, groups, filters / groups, ...positions] });
  return b.one('reshape', [spread], { shape: [images, filters, ...positions] });
}

export const EXPAND_BYTES: Pass = {
  name: 'expand-bytes',
  theme: 'expand',
  level: 0,
  doc: 'Products of unsigned bytes become products of signed ones with exact corrections.',
  run: (graph, context) => applyRules(graph, context, { matmul: [matrixProduct], conv: [convolution] }),
};
