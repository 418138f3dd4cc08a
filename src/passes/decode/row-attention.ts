// Attention of one query row (a decoding step) as one operator: the backend computes all heads together with features on
// partitions, without a transpose or a transfer. Runs last, so that nothing takes the operator apart again.
import { constantOf, type Graph, type Node, type Value } from '../../ir/graph.js';
import { constantNumbers } from '../../ops/evaluate.js';
import { type Rewriter, rewriteGraph } from '../../ops/rewrite.js';

/** softmax(scale * q kT + mask) v with one row of q, as attention(q, k, v, mask). */
export function fuseRowAttention(graph: Graph): Graph {
  return rewriteGraph(graph, (node, rw) => (node.op === 'matmul' ? attentionOf(node, rw) : undefined));
}

function attentionOf(node: Node, rw: Rewriter): readonly Value[] | undefined {
  const [weights, v] = node.inputs;
  if (weights === undefined || v === undefined || node.attrs.bias === true || node.attrs.act !== '')
    return undefined;
  const shape = weights.type.shape;
  if (shape.length !== 4 || shape[2] !== 1 || v.type.shape.length !== 4) return undefined;
  const softmax = through(rw, weights, 'softmax');
  if (softmax === undefined || softmax.attrs.axis !== 3) return undefined;
  const scores = scoresOf(rw, softmax.inputs[0] as Value);
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

/** The node behind casts that makes a value, where it is of this operator. */
function through(rw: Rewriter, value: Value, op: string): Node | undefined {
  const node = rw.producer(value);
  if (node?.op === 'cast') return through(rw, node.inputs[0] as Value, op);
  return node?.op === op ? node : undefined;
}

interface Scores {
  readonly product: Node;
  readonly scale: number;
  /** Additive. */
  readonly mask?: Value;
}

function scoresOf(rw: Rewriter, value: Value): Scores | undefined {
  const node = rw.producer(value);
  if (node === undefined) return undefined;
  if (node.op === 'cast') return scoresOf(rw, node.inputs[0] as Value);
  if (node.op === 'matmul')
    return node.attrs.bias === true || node.attrs.act !== '' ? undefined : { product: node, scale: 1 };
  const [a, b] = node.inputs as [Value, Value, Value?];
  const factor =
    node.op === 'mul' ? number(b) : node.op === 'div' ? 1 / (number(b) ?? Number.NaN) : undefined;
  if (factor !== undefined && Number.isFinite(factor)) {
    const inner = scoresOf(rw, a);
    // A mask inside would be scaled too.
    return inner?.mask === undefined && inner !== undefined
      ? { ...inner, scale: inner.scale * factor }
      : undefined;
  }
  if (node.op === 'add') {
    for (const [scores, mask] of [
      [a, b],
      [b, a],
    ] as const) {
      const inner = scoresOf(rw, scores);
      if (inner !== undefined && inner.mask === undefined && isRow(mask)) return { ...inner, mask };
    }
  }
  if (node.op === 'where') return maskedBy(rw, node);
  return undefined;
}

/** where(keep, scores, low): a low of -1e4 and below leaves nothing of a score, so adding it does the same. */
function maskedBy(rw: Rewriter, node: Node): Scores | undefined {
  const [condition, yes, no] = node.inputs as [Value, Value, Value];
  const low = number(no);
  const inner = low !== undefined && low <= -1e4 ? scoresOf(rw, yes) : undefined;
  if (inner === undefined || inner.mask !== undefined || !isRow(condition)) return undefined;
  const { builder } = rw;
  const dtype = yes.type.dtype;
  const mask = builder.one('where', [
    condition,
    builder.scalar(dtype, 0),
    builder.scalar(dtype, low as number),
  ]);
  return { ...inner, mask };
}

/** One row for all heads: [.., 1, 1, T] or less. */
function isRow(mask: Value): boolean {
  const shape = mask.type.shape;
  return shape.slice(0, -1).every((n, i) => n === 1 || (shape.length === 4 && i === 0));
}

function number(v: Value): number | undefined {
  const constant = constantOf(v);
  if (constant === undefined || constant.shape.some((n) => n !== 1)) return undefined;
  return constantNumbers(constant)[0];
}
