// Attention of one query row (a decoding step) as one operator: the backend computes all heads together with features on
// partitions, without a transpose or a transfer. Runs last, so that nothing takes the operator apart again.
import type { Graph, Node, Value } from '../../ir/graph.js';
import { type Rewriter, rewriteGraph } from '../../ops/rewrite.js';
import { scoresOf, through } from '../attention-pattern.js';

/** softmax(scale * q kT + mask) v with one row of q, as attention(q, k, v, mask); of fp32 only where PE multiplies it. */
export function fuseRowAttention(graph: Graph, peFp32: boolean): Graph {
  const fits = (node: Node): boolean =>
    node.op === 'matmul' && (peFp32 || node.inputs[1]?.type.dtype !== 'f32');
  return rewriteGraph(graph, (node, rw) => (fits(node) ? attentionOf(node, rw) : undefined));
}

function attentionOf(node: Node, rw: Rewriter): readonly Value[] | undefined {
  const [weights, v] = node.inputs;
  if (weights === undefined || v === undefined || node.attrs.bias === true || node.attrs.act !== '')
    return undefined;
  const shape = weights.type.shape;
  if (shape.length !== 4 || shape[2] !== 1 || v.type.shape.length !== 4) return undefined;
  const softmax = through(rw, weights, 'softmax');
  if (softmax === undefined || softmax.attrs.axis !== 3) return undefined;
  const scores = scoresOf(rw, softmax.inputs[0] as Value, isRow);
  if (scores === undefined) return undefined;
  const { product, scale, mask } = scores;
  const [q, kT] = product.inputs as [Value, Value];
  if (
    q.type.shape.length !== 4 ||
    kT.type.shape.length !== 4 ||
    q.type.dtype !== kT.type.dtype ||
    v.type.dtype !== q.type.dtype
  )
    return undefined;
  if (
    q.type.shape[0] !== v.type.shape[0] ||
    q.type.shape[1] !== v.type.shape[1] ||
    kT.type.shape[1] !== q.type.shape[1] ||
    kT.type.shape[0] !== q.type.shape[0]
  )
    return undefined;
  if (q.type.shape[3] !== v.type.shape[3]) return undefined;
  const { builder } = rw;
  const k = builder.one('transpose', [kT], { perm: [0, 1, 3, 2] });
  const made = builder.one('attention', [q, k, v, ...(mask ? [mask] : [])], {
    scale,
    causal: false,
    mask: mask !== undefined,
  });
  const type = node.outputs[0]?.type.dtype;
  return [type === made.type.dtype || type === undefined ? made : builder.one('cast', [made], { to: type })];
}

/** One row for all heads: [.., 1, 1, T] or less. */
function isRow(mask: Value): boolean {
  const shape = mask.type.shape;
  return shape.slice(0, -1).every((n, i) => n === 1 || (shape.length === 4 && i === 0));
}
