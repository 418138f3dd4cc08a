// Which values of a graph hold one independent piece an image: their first axis is the batch, and image i of each comes from
// image i of what it is made of. Operators that are not in the table end the chain; being left out costs speed, never truth.
import type { Attrs } from '../../ir/constant.js';
import type { Graph, Node, Value } from '../../ir/graph.js';
import { declarationOf } from '../../ops/table.js';
import { dimsOf } from '../match.js';

/** Whether an operand of the node is cut along the batch; the others go to every image as they are. */
export type Cut = (v: Value) => boolean;

/** Whether the node treats each image alone, given which of its operands are cut. */
type Rule = (node: Node, cut: Cut) => boolean;

/** Only the first operand, and what is added at the end, may be cut: weights belong to all images. */
const window: Rule = (node, cut) =>
  cut(node.inputs[0] as Value) &&
  node.inputs.every(
    (v, i) => i === 0 || !cut(v) || (node.attrs.residual === true && i === node.inputs.length - 1),
  );

/** Operands broadcast from the last axis on: one that is not cut must not reach the batch axis. */
const pointwise: Rule = (node, cut) => {
  const rank = dimsOf(node.outputs[0])?.length;
  return node.inputs.every((v) => {
    const dims = dimsOf(v);
    if (dims === undefined || rank === undefined) return false;
    return cut(v) ? dims.length === rank : dims.length < rank || dims[0] === 1;
  });
};

const everyOperandCut: Rule = (node, cut) => node.inputs.every(cut);

const reduction: Rule = (node, cut) =>
  everyOperandCut(node, cut) && !(node.attrs.axes as readonly number[]).includes(0);

/** Scales and biases belong to all images. */
const alongAxis: Rule = (node, cut) =>
  Number(node.attrs.axis) > 0 && cut(node.inputs[0] as Value) && node.inputs.slice(1).every((v) => !cut(v));

const RULES: Readonly<Record<string, Rule>> = {
  conv: window,
  conv_transpose: window,
  max_pool: everyOperandCut,
  avg_pool: everyOperandCut,
  concat: (node, cut) => everyOperandCut(node, cut) && node.attrs.axis !== 0,
  transpose: (node, cut) => everyOperandCut(node, cut) && (node.attrs.perm as readonly number[])[0] === 0,
  pad: (node, cut) =>
    everyOperandCut(node, cut) &&
    [node.attrs.low, node.attrs.high].every((ends) => (ends as readonly number[])[0] === 0),
  reduce_sum: reduction,
  reduce_mean: reduction,
  reduce_max: reduction,
  reduce_min: reduction,
  softmax: alongAxis,
  log_softmax: alongAxis,
  layer_norm: alongAxis,
  rms_norm: alongAxis,
  reshape: (node, cut) =>
    everyOperandCut(node, cut) && dimsOf(node.inputs[0])?.[0] === dimsOf(node.outputs[0])?.[0],
};

/** The attributes with the size of the batch replaced, for a part of `images`. */
export function attrsOfPart(node: Node, images: number): Attrs {
  if (node.op !== 'reshape') return node.attrs;
  const shape = (node.attrs.shape as readonly number[]).map((n, i) => (i === 0 ? images : n));
  return { ...node.attrs, shape };
}

function ruleOf(op: string): Rule | undefined {
  return RULES[op] ?? (declarationOf(op).family === 'elementwise' ? pointwise : undefined);
}

/** Nodes that can be done some images at a time: all of them have results whose first axis is `batch`. */
export function batchWiseNodes(graph: Graph, batch: number, inputs: ReadonlySet<Value>): ReadonlySet<Node> {
  const cut = new Set<Value>(inputs);
  const nodes = new Set<Node>();
  for (const node of graph.body.nodes) {
    if (node.regions.length > 0 || !node.inputs.some((v) => cut.has(v))) continue;
    if (ruleOf(node.op)?.(node, (v) => cut.has(v)) !== true) continue;
    if (!node.outputs.every((v) => dimsOf(v)?.[0] === batch)) continue;
    nodes.add(node);
    for (const v of node.outputs) cut.add(v);
  }
  return nodes;
}
