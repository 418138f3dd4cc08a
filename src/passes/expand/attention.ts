// Attention as the products and the softmax it stands for. The queries take the scale, since they are fewer numbers than the
// scores; what is masked by position gets a large negative number, which keeps the scores finite and its softmax at 0.

import { bytesConstant } from '../../ir/constant.js';
import type { Value } from '../../ir/graph.js';
import type { GraphBuilder } from '../../ops/build.js';
import { dimsOf, scalarLike } from '../match.js';
import type { Pass } from '../pass.js';
import { applyRules, type Rule } from '../rules.js';

/** exp of this less any score that occurs is 0 in fp32. */
const MASKED = -1e30;

const expanded: Rule = (node, rw) => {
  const b = rw.builder;
  const [q, k, v, mask] = node.inputs as readonly [Value, Value, Value, Value?];
  const [queries, keys] = [dimsOf(q)?.[2], dimsOf(k)?.[2]];
  if (queries === undefined || keys === undefined) return undefined;
  const scaled = b.one('mul', [q, scalarLike(rw, q, Number(node.attrs.scale))]);
  const turned = b.one('transpose', [k], { perm: [0, 1, 3, 2] });
  const products = b.one('matmul', [scaled, turned], { out: q.type.dtype === 'f64' ? '' : 'f32' });
  const summands = [
    ...(mask === undefined ? [] : [b.one('cast', [mask], { to: products.type.dtype })]),
    ...(node.attrs.causal === true ? [laterKeys(b, products, queries, keys)] : []),
  ];
  const scores = summands.reduce((sum, s) => b.one('add', [sum, s]), products);
  const weights = b.one('softmax', [scores], { axis: 3 });
  return b.one('matmul', [b.one('cast', [weights], { to: v.type.dtype }), v]);
};

/** [queries, keys]: the large negative number where the key is later than the query. */
function laterKeys(b: GraphBuilder, like: Value, queries: number, keys: number): Value {
  const later = new Uint8Array(queries * keys);
  for (let i = 0; i < queries; i++) later.fill(1, i * keys + Math.min(keys, i + 1), (i + 1) * keys);
  const condition = b.constant(bytesConstant('bool', [queries, keys], later));
  return b.one('where', [condition, b.scalar(like.type.dtype, MASKED), b.scalar(like.type.dtype, 0)]);
}

export const EXPAND_ATTENTION: Pass = {
  name: 'expand-attention',
  theme: 'expand',
  level: 0,
  doc: 'Attention becomes two products with a softmax between them.',
  run: (graph, context) => applyRules(graph, context, { attention: [expanded] }),
};
