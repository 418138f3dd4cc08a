// Reductions and normalisations over rows that are too long for a partition (all pixels of a plane, all planes of a group): each row is
// cut into parts, so that parts lie on partitions; statistics of parts are put together. Few rows would leave most partitions idle
// besides.
import { isFloat } from '../../base/dtype.js';
import type { Node, Value } from '../../ir/graph.js';
import { elementCount } from '../../ir/type.js';
import type { GraphBuilder } from '../../ops/build.js';
import { type Rewriter, rewriteGraph } from '../../ops/rewrite.js';
import { dimsOf } from '../match.js';
import type { Pass, PassContext } from '../pass.js';

const PARTITIONS = 128;
/** Share of a partition that rows may take before they are cut. */
const ROWS_SHARE = 0.3;
/** Bytes of an element while it is computed with. */
const ELEMENT = 4;

/** Bytes of a partition for so many rows of so many elements. */
const bytesOf = (rows: number, length: number): number => Math.ceil(rows / PARTITIONS) * length * ELEMENT;

/** Into how many parts rows are cut so that a partition holds least; 1 where they are short enough. */
function partsOf(rows: number, length: number, sbufBytes: number): number {
  if (bytesOf(rows, length) <= sbufBytes * ROWS_SHARE) return 1;
  let best = 1;
  for (let parts = 2; parts <= length && rows * parts <= 64 * PARTITIONS; parts++) {
    if (length % parts !== 0) continue;
    if (bytesOf(rows * parts, length / parts) < bytesOf(rows * best, length / best)) best = parts;
  }
  return best;
}

/** A value as [rows, parts, length of a part], in fp32 where it is a narrower float, so that sums of parts round once. */
function inParts(b: GraphBuilder, x: Value, rows: number, parts: number): Value {
  const length = elementCount(dimsOf(x) ?? []) / rows / parts;
  const cut = b.one('reshape', [x], { shape: [rows, parts, length] });
  return isFloat(x.type.dtype) ? b.one('cast', [cut], { to: 'f32' }) : cut;
}

/** One number a row, [rows, 1, 1]: of its parts, then of what they gave. */
function overRow(b: GraphBuilder, op: string, x: Value): Value {
  const ofParts = b.one(op, [x], { axes: [2], keep: true });
  return b.one(op, [ofParts], { axes: [1], keep: true });
}

type Rule = (node: Node, rw: Rewriter, context: PassContext) => readonly Value[] | undefined;

const reduction: Rule = (node, { builder: b }, { target }) => {
  const x = node.inputs[0] as Value;
  const dims = dimsOf(x);
  const out = node.outputs[0] as Value;
  const axes = node.attrs.axes as readonly number[];
  const first = Math.min(...axes);
  if (dims === undefined || axes.length === 0) return undefined;
  if (dims.some((n, i) => i >= first && n > 1 && !axes.includes(i))) return undefined;
  const rows = elementCount(dims.slice(0, first));
  const parts = partsOf(rows, elementCount(dims.slice(first)), target.sbufPartitionBytes);
  if (parts === 1) return undefined;
  const made = overRow(b, node.op, inParts(b, x, rows, parts));
  const typed = b.one('cast', [made], { to: out.type.dtype });
  return [b.one('reshape', [typed], { shape: dimsOf(out) as readonly number[] })];
};

const normalisation: Rule = (node, { builder: b }, { target }) => {
  const [x, ...affine] = node.inputs as [Value, ...Value[]];
  const dims = dimsOf(x);
  const axis = Number(node.attrs.axis);
  if (dims === undefined) return undefined;
  const rows = elementCount(dims.slice(0, axis));
  const parts = partsOf(rows, elementCount(dims.slice(axis)), target.sbufPartitionBytes);
  if (parts === 1) return undefined;
  const wide = inParts(b, x, rows, parts);
  const centred = node.op === 'rms_norm' ? wide : b.one('sub', [wide, overRow(b, 'reduce_mean', wide)]);
  const variance = overRow(b, 'reduce_mean', b.one('square', [centred]));
  const epsilon = b.scalar('f32', Number(node.attrs.epsilon));
  const scale = b.one('rsqrt', [b.one('add', [variance, epsilon])]);
  let made = b.one('reshape', [b.one('mul', [centred, scale])], { shape: dims });
  const next = affine[Symbol.iterator]();
  for (const [flag, op] of [
    ['scale', 'mul'],
    ['bias', 'add'],
  ] as const) {
    if (node.attrs[flag] !== true) continue;
    made = b.one(op, [made, b.one('cast', [next.next().value as Value], { to: 'f32' })]);
  }
  return [b.one('cast', [made], { to: x.type.dtype })];
};

const softmax: Rule = (node, { builder: b }, { target }) => {
  const x = node.inputs[0] as Value;
  const dims = dimsOf(x);
  const axis = Number(node.attrs.axis);
  if (dims === undefined || dims.slice(axis + 1).some((n) => n > 1)) return undefined;
  const rows = elementCount(dims.slice(0, axis));
  const parts = partsOf(rows, elementCount(dims.slice(axis)), target.sbufPartitionBytes);
  if (parts === 1) return undefined;
  const wide = inParts(b, x, rows, parts);
  const shifted = b.one('sub', [wide, overRow(b, 'reduce_max', wide)]);
  const exps = b.one('exp', [shifted]);
  const sum = overRow(b, 'reduce_sum', exps);
  const made =
    node.op === 'softmax' ? b.one('div', [exps, sum]) : b.one('sub', [shifted, b.one('log', [sum])]);
  return [b.one('cast', [b.one('reshape', [made], { shape: dims })], { to: x.type.dtype })];
};

const RULES: Readonly<Record<string, Rule>> = {
  reduce_sum: reduction,
  reduce_mean: reduction,
  reduce_max: reduction,
  reduce_min: reduction,
  layer_norm: normalisation,
  rms_norm: normalisation,
  softmax,
  log_softmax: softmax,
};

export const EXPAND_LONG_ROWS: Pass = {
  name: 'expand-long-rows',
  theme: 'expand',
  doc: 'Reductions, normalisations and softmax over rows that are too long for a partition are made of parts of rows.',
  level: 0,
  run: (graph, context) => rewriteGraph(graph, (node, rw) => RULES[node.op]?.(node, rw, context)),
};
