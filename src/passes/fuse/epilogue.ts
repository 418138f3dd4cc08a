// What the engines do while they take a product out of its accumulators: the sum with a tensor of the same shape (convolutions)
// and an activation. Each joins the product whose only user it is.
import type { Node, Value } from '../../ir/graph.js';
import { constantOf } from '../../ir/graph.js';
import { sameType } from '../../ir/type.js';
import { ACT_NAMES } from '../../ops/activation.js';
import type { Rewriter } from '../../ops/rewrite.js';
import { bothWays, isFloatValue } from '../match.js';
import type { Pass } from '../pass.js';
import { applyRules, forEach, mergeTables, type Rule } from '../rules.js';

/** The product behind a value, where nothing has been applied to it yet and it has no other user. */
function openProduct(v: Value, rw: Rewriter, ops: readonly string[]): Node | undefined {
  const node = rw.producer(v);
  return node !== undefined &&
    ops.includes(node.op) &&
    rw.uses(v) === 1 &&
    node.attrs.act === '' &&
    isFloatValue(v)
    ? node
    : undefined;
}

const activated: Rule = (node, rw) => {
  const product = openProduct(node.inputs[0] as Value, rw, ['matmul', 'conv']);
  const alpha = Number(node.attrs.alpha ?? 0);
  return product && rw.builder.one(product.op, product.inputs, { ...product.attrs, act: node.op, alpha });
};

/** relu(max_pool(conv)) is max_pool(relu(conv)), which costs nothing. */
const activatedBeforePool: Rule = (node, rw) => {
  const pool = rw.soleProducer(node.inputs[0] as Value, 'max_pool');
  const product = pool && openProduct(pool.inputs[0] as Value, rw, ['conv']);
  if (pool === undefined || product === undefined) return undefined;
  const relu = rw.builder.one('conv', product.inputs, { ...product.attrs, act: 'relu' });
  return rw.builder.one('max_pool', [relu], pool.attrs);
};

/** conv + y. */
const residual: Rule = (node, rw) => {
  for (const [x, y] of bothWays(node)) {
    const product = openProduct(x, rw, ['conv']);
    if (
      product === undefined ||
      product.attrs.residual === true ||
      !sameType(x.type, y.type) ||
      constantOf(y) !== undefined
    )
      continue;
    return rw.builder.one('conv', [...product.inputs, y], { ...product.attrs, residual: true });
  }
  return undefined;
};

export const FUSE_EPILOGUE: Pass = {
  name: 'fuse-epilogue',
  theme: 'fuse',
  level: 1,
  doc: 'Activations behind products and convolutions, and sums behind convolutions, become attributes of them.',
  run: (graph, context) =>
    applyRules(
      graph,
      context,
      mergeTables(
        { add: [residual] },
        forEach(
          ACT_NAMES.filter((name) => name !== ''),
          activated,
        ),
        { relu: [activatedBeforePool] },
      ),
    ),
};
