// --auto-cast all: arithmetic in single precision becomes 16-bit; the engines still compute inside an instruction in single
// precision and round results once. Graph inputs and outputs keep their types, casts stand at the border. What stays in single
// precision is the list below, each with its reason.

import { isFloat, isInteger } from '../../base/dtype.js';
import type { Graph, Node, Region, Value } from '../../ir/graph.js';
import { constantOf, producer } from '../../ir/graph.js';
import { type Rewriter, rewriteGraph } from '../../ops/rewrite.js';
import { OPERATORS } from '../../ops/table.js';
import { smallNumbers } from '../match.js';
import type { Pass, PassContext } from '../pass.js';
import { clamped, isExact, isNarrow, narrowed, rangeOf, widened } from './narrow.js';

/**
 * Operators for whose operands 16 bits are too few: an angle of some hundred radians is off by a radian, and what becomes an
 * integer (quantised values, positions, bins) by one or more.
 */
const SENSITIVE = new Set(['sin', 'cos', 'tan', 'floor', 'ceil', 'round', 'trunc', 'mod', 'fmod']);
/** Operators through which such an operand is followed back to where it begins. */
const FOLLOWED = new Set([
  'add',
  'sub',
  'mul',
  'div',
  'mod',
  'fmod',
  'pow',
  'max',
  'min',
  'neg',
  'abs',
  'relu',
  'reciprocal',
  'floor',
  'ceil',
  'round',
  'trunc',
  'cast',
  'reshape',
  'transpose',
  'broadcast',
  'concat',
  'slice',
  'gather',
  'where',
  'cumsum',
  'reduce_max',
  'reduce_min',
]);
/** Sums and products of many: each result goes into the next, and positions are made so. */
const RUNNING = new Set(['cumsum', 'cumprod', 'reduce_prod']);
const COMPARISONS = new Set(['eq', 'ne', 'lt', 'le', 'gt', 'ge']);
/** Operators that only move elements. */
const MOVES = new Set([
  'reshape',
  'transpose',
  'broadcast',
  'slice',
  'concat',
  'pad',
  'gather',
  'dynamic_slice',
]);
/** Operands after the first that products and norms add or multiply in single precision at no cost. */
const WIDE_OPERANDS: Readonly<Record<string, (node: Node) => readonly number[]>> = {
  matmul: (node) => (node.attrs.bias === true ? [2] : []),
  conv: (node) => (node.attrs.bias === true ? [2] : []),
  conv_transpose: (node) => (node.attrs.bias === true ? [2] : []),
  layer_norm: (node) => node.inputs.flatMap((_, i) => (i > 0 ? [i] : [])),
  rms_norm: (node) => node.inputs.flatMap((_, i) => (i > 0 ? [i] : [])),
};

/** Nodes that compute operands of sensitive operators, and these: back through arithmetic and moves. */
function sensitiveNodes(region: Region, found: Set<Node>): Set<Node> {
  const pending: Node[] = [];
  for (const node of region.nodes) {
    if (SENSITIVE.has(node.op) || makesInteger(node)) pending.push(node);
    for (const inner of node.regions) sensitiveNodes(inner, found);
  }
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (found.has(node)) continue;
    found.add(node);
    for (const v of node.inputs) {
      const before = producer(v);
      if (before !== undefined && (FOLLOWED.has(before.op) || isOuterProduct(before))) pending.push(before);
    }
  }
  return found;
}

function makesInteger(node: Node): boolean {
  return (
    node.op === 'cast' &&
    node.inputs[0]?.type.dtype === 'f32' &&
    isInteger(node.outputs[0]?.type.dtype ?? 'f32')
  );
}

/** Positions times frequencies: a product over a depth of one. */
function isOuterProduct(node: Node): boolean {
  return node.op === 'matmul' && node.inputs[0]?.type.shape.at(-1) === 1;
}

/**
 * Exact integers and what is computed from them alone: masks, positions, counts. They are small tensors, and whole numbers
 * above 256 do not fit into bf16.
 */
function comesFromIntegers(node: Node, context: PassContext): boolean {
  const variables = node.inputs.filter((v) => constantOf(v) === undefined && isFloat(v.type.dtype));
  if (node.op === 'cast') return node.inputs.some((v) => isInteger(v.type.dtype) || v.type.dtype === 'bool');
  const arithmetic = OPERATORS.get(node.op)?.family === 'elementwise' || MOVES.has(node.op);
  return arithmetic && variables.length > 0 && variables.every((v) => isWide(v, context));
}

/** A value in single precision that is computed so: no input, no 16-bit value widened. */
function isWide(v: Value, { narrow }: PassContext): boolean {
  return (
    v.type.dtype === 'f32' &&
    producer(v) !== undefined &&
    !isNarrow(v, narrow) &&
    producer(v)?.regions.length === 0
  );
}

/** A constant below the least normal value of the type keeps a division or a root from failing: it must not become 0. */
function hasTinyConstant(node: Node, { narrow }: PassContext): boolean {
  const { least } = rangeOf(narrow);
  if (OPERATORS.get(node.op)?.family !== 'elementwise') return false;
  return node.inputs.some((v) => {
    const numbers = v.type.dtype === 'f32' && constantOf(v) !== undefined ? smallNumbers(v) : undefined;
    return numbers?.length === 1 && numbers[0] !== 0 && Math.abs(numbers[0] ?? 0) < least;
  });
}

/** Whether the node computes in single precision. */
function stays(
  node: Node,
  old: Node,
  rw: Rewriter,
  sensitive: ReadonlySet<Node>,
  context: PassContext,
): boolean {
  if (node.regions.length > 0 || node.op === 'bitcast' || sensitive.has(old) || RUNNING.has(node.op))
    return true;
  if (COMPARISONS.has(node.op))
    return !node.inputs.every((v) => isNarrow(v, context.narrow) || isExactConstant(v, rw, context));
  return comesFromIntegers(node, context) || hasTinyConstant(node, context);
}

function isExactConstant(v: Value, rw: Rewriter, { narrow }: PassContext): boolean {
  return constantOf(v) !== undefined && v.type.dtype === 'f32' && isExact(rw.builder, v, narrow);
}

function visit(
  node: Node,
  old: Node,
  rw: Rewriter,
  sensitive: ReadonlySet<Node>,
  context: PassContext,
): readonly Value[] | undefined {
  const { narrow } = context;
  const b = rw.builder;
  const floats = [...node.inputs, ...node.outputs].some((v) => v.type.dtype === 'f32');
  if (!floats || isBorder(node, context)) return undefined;
  if (stays(node, old, rw, sensitive, context)) {
    // Constants may meet 16-bit values further on, and must be in their range there.
    const inputs =
      node.regions.length > 0
        ? node.inputs
        : node.inputs.map((v) => (constantOf(v) ? clamped(b, v, narrow) : v));
    return inputs.every((v, i) => v === node.inputs[i]) ? undefined : b.node(node.op, inputs, node.attrs);
  }
  const wide = WIDE_OPERANDS[node.op]?.(node) ?? [];
  const inputs = node.inputs.map((v, i) =>
    wide.includes(i) && !isNarrow(v, narrow) ? v : narrowed(b, v, narrow),
  );
  const attrs = 'out' in node.attrs && node.attrs.out === 'f32' ? { ...node.attrs, out: '' } : node.attrs;
  const results = b.node(
    node.op,
    inputs,
    node.op === 'cast' && node.attrs.to === 'f32' ? { ...attrs, to: narrow } : attrs,
  );
  return results.map((v, i) => (v.type.dtype !== node.outputs[i]?.type.dtype ? widened(b, v) : v));
}

/** A cast from or to the narrow type is the border itself. */
function isBorder(node: Node, { narrow }: PassContext): boolean {
  return node.op === 'cast' && (node.attrs.to === narrow || node.inputs[0]?.type.dtype === narrow);
}

export const CAST_ALL: Pass = {
  name: 'cast-all',
  theme: 'precision',
  level: 0,
  needs: ['lowerable'],
  doc: '--auto-cast all: arithmetic in single precision becomes 16-bit, but for angles and what becomes an integer, running sums, values made of integers alone, comparisons with constants that have no 16-bit form, and tiny constants.',
  run(graph: Graph, context) {
    if (context.autoCast !== 'all') return graph;
    const sensitive = sensitiveNodes(graph.body, new Set());
    return rewriteGraph(graph, (node, rw, old) => visit(node, old, rw, sensitive, context));
  },
};
