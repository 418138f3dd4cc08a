// Broadcasts sink: elementwise operators broadcast by themselves, so a broadcast operand is taken as it was, and what is then
// smaller than the result is broadcast afterwards. The batch axes of products do the same.
import { constantOf, type Node, type Value } from '../../ir/graph.js';
import { sameType, tensorType } from '../../ir/type.js';
import type { Rewriter } from '../../ops/rewrite.js';
import { broadcastShapes } from '../../ops/shape-math.js';
import { OPERATORS } from '../../ops/table.js';
import { dimsOf, sameDims } from '../match.js';
import type { Pass } from '../pass.js';
import { applyRules, forEach, mergeTables, type Rule } from '../rules.js';

/** What a value is a broadcast of: a node's operand, or a constant's. */
function broadcastOf(v: Value, rw: Rewriter): Value | undefined {
  if (v.def.kind === 'result') return v.def.node.op === 'broadcast' ? v.def.node.inputs[0] : undefined;
  const recipe = constantOf(v)?.recipe;
  const [source] = recipe?.kind === 'apply' && recipe.op === 'broadcast' ? recipe.inputs : [];
  return source && rw.builder.constant(source);
}

const throughElementwise: Rule = (node, rw) => {
  const shape = dimsOf(node.outputs[0]);
  const sources = node.inputs.map((v) => broadcastOf(v, rw));
  if (shape === undefined || sources.every((s) => s === undefined)) return undefined;
  const made = rw.builder.one(
    node.op,
    node.inputs.map((v, i) => sources[i] ?? v),
    node.attrs,
  );
  return rw.builder.one('broadcast', [made], { shape });
};

/** A matrix repeated for every batch index is one matrix, where the other operand has the batch. */
const throughProduct: Rule = (node, rw) => {
  const type = node.outputs[0]?.type;
  if (type === undefined) return undefined;
  const operands = node.inputs.map((v, i) => {
    const source = i > 1 ? undefined : broadcastOf(v, rw);
    return source !== undefined && sameMatrix(source, v) ? source : v;
  });
  if (operands.every((v, i) => v === node.inputs[i])) return undefined;
  const [a, b] = operands as [Value, Value];
  const batch = broadcastShapes(a.type.shape.slice(0, -2), b.type.shape.slice(0, -2));
  if (batch === undefined || !sameType(tensorType(type.dtype, [...batch, ...type.shape.slice(-2)]), type))
    return undefined;
  return rw.builder.one('matmul', operands, node.attrs);
};

function sameMatrix(a: Value, b: Value): boolean {
  return (
    a.type.shape.length >= 2 &&
    sameType(
      tensorType(a.type.dtype, a.type.shape.slice(-2)),
      tensorType(a.type.dtype, b.type.shape.slice(-2)),
    )
  );
}

/** One that adds axes of one element only is a reshape. */
const asReshape: Rule = (node: Node, rw) => {
  const [from, to] = [dimsOf(node.inputs[0]), dimsOf(node.outputs[0])];
  if (from === undefined || to === undefined) return undefined;
  const lead = to.length - from.length;
  const same = to.slice(0, lead).every((d) => d === 1) && sameDims(to.slice(lead), from);
  return same ? rw.builder.one('reshape', node.inputs, { shape: to }) : undefined;
};

const ELEMENTWISE = [...OPERATORS.values()].filter((d) => d.family === 'elementwise').map((d) => d.name);

export const BROADCASTS: Pass = {
  name: 'broadcasts',
  theme: 'clean',
  level: 1,
  doc: 'Broadcasts before elementwise operators and products go, or sink below them.',
  run: (graph, context) =>
    applyRules(
      graph,
      context,
      mergeTables(
        { broadcast: [asReshape], matmul: [throughProduct] },
        forEach(ELEMENTWISE, throughElementwise),
      ),
    ),
};
