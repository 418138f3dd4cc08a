// Attention whose scores do not fit on chip is done for some query rows at a time: scores, softmax and weighted sum of a block of
// rows need no other row.
import type { Node, Value } from '../../ir/graph.js';
import { type Rewriter, rewriteGraph } from '../../ops/rewrite.js';
import { scoresOf, through } from '../attention-pattern.js';
import { dimsOf } from '../match.js';
import type { Pass, PassContext } from '../pass.js';

/** Share of a partition that the scores of a block may take: there are three such tensors at a time. */
const SCORES_SHARE = 0.1;

/** Bytes of a partition for scores [B, H, rows, keys] with rows on partitions. */
function bytesOf(shape: readonly number[], rows: number): number {
  const [batch = 1, heads = 1, , keys = 1] = shape;
  return Math.ceil(rows / 128) * batch * heads * keys * 4;
}

function inBlocks(node: Node, rw: Rewriter, { target }: PassContext): readonly Value[] | undefined {
  const [weights, v] = node.inputs;
  if (
    node.op !== 'matmul' ||
    weights === undefined ||
    v === undefined ||
    node.attrs.bias === true ||
    node.attrs.act !== ''
  )
    return undefined;
  const shape = dimsOf(weights);
  const limit = target.sbufPartitionBytes * SCORES_SHARE;
  if (shape?.length !== 4 || dimsOf(v)?.length !== 4 || bytesOf(shape, shape[2] ?? 1) <= 2 * limit)
    return undefined;
  const softmax = through(rw, weights, 'softmax');
  if (softmax === undefined || softmax.attrs.axis !== 3) return undefined;
  const scores = scoresOf(rw, softmax.inputs[0] as Value, (mask) => (dimsOf(mask)?.length ?? 5) <= 4);
  const product = scores?.product;
  const [q, kT] = product?.inputs ?? [];
  if (scores === undefined || q === undefined || kT === undefined || dimsOf(q)?.length !== 4)
    return undefined;
  const rows = shape[2] ?? 1;
  const block = Math.max(1, Math.floor(limit / bytesOf(shape, 1))) * 128;
  const { builder: b } = rw;
  const part = (x: Value, first: number, size: number): Value => {
    const dims = dimsOf(x) as readonly number[];
    const axis = dims.length - 2;
    if (axis < 0 || dims[axis] === 1) return x;
    return b.one('slice', [x], {
      starts: dims.map((_, i) => (i === axis ? first : 0)),
      sizes: dims.map((n, i) => (i === axis ? size : n)),
      steps: dims.map(() => 1),
    });
  };
  const parts: Value[] = [];
  for (let first = 0; first < rows; first += block) {
    const size = Math.min(block, rows - first);
    let some = b.one('matmul', [part(q, first, size), kT], (product as Node).attrs);
    if (scores.scale !== 1) some = b.one('mul', [some, b.scalar(some.type.dtype, scores.scale)]);
    if (scores.mask !== undefined) some = b.one('add', [some, part(scores.mask, first, size)]);
    const chosen = b.one('cast', [b.one('softmax', [some], softmax.attrs)], { to: weights.type.dtype });
    parts.push(b.one('matmul', [chosen, v], node.attrs));
  }
  return [b.one('concat', parts, { axis: 2 })];
}

export const EXPAND_LARGE_ATTENTION: Pass = {
  name: 'expand-large-attention',
  theme: 'expand',
  doc: 'Attention whose scores are too large for the chip is done in blocks of query rows.',
  level: 0,
  run: (graph, context) => rewriteGraph(graph, (node, rw) => inBlocks(node, rw, context)),
};
