// Softmax and its logarithm written out: exponentials over their sum, with or without the maximum taken out first (the
// operator always takes it out, which changes nothing but overflow).
import type { Value } from '../../ir/graph.js';
import type { Rewriter } from '../../ops/rewrite.js';
import { madeBy } from '../match.js';
import type { Pass } from '../pass.js';
import { applyRules, type Rule } from '../rules.js';

/** x and the axis of a reduction along one axis that is kept. */
function alongOne(
  v: Value | undefined,
  op: string,
): { readonly x: Value; readonly axis: number } | undefined {
  const node = madeBy(v, op);
  const x = node?.inputs[0];
  const axes = (node?.attrs.axes ?? []) as readonly number[];
  const kept = x !== undefined && v?.type.shape.length === x.type.shape.length;
  return kept && axes.length === 1 ? { x, axis: axes[0] ?? 0 } : undefined;
}

/** x, or x of x - max(x) along the axis. */
function withoutMaximum(v: Value, axis: number): Value {
  const [x, top] = madeBy(v, 'sub')?.inputs ?? [];
  const greatest = alongOne(top, 'reduce_max');
  return x !== undefined && greatest?.x === x && greatest.axis === axis ? x : v;
}

/** exp(y) / sum(exp(y)). */
const quotient: Rule = (node, rw) => {
  const [powers, sum] = node.inputs as readonly [Value, Value];
  return softmaxOf(powers, sum, rw);
};

const product: Rule = (node, rw) => {
  const [a, b] = node.inputs as readonly [Value, Value];
  const [first, second] = [a, b].map((v) => madeBy(v, 'reciprocal')?.inputs[0]);
  if (second !== undefined) return softmaxOf(a, second, rw);
  return first && softmaxOf(b, first, rw);
};

function softmaxOf(powers: Value, sum: Value, rw: Rewriter): Value | undefined {
  const y = madeBy(powers, 'exp')?.inputs[0];
  const total = alongOne(sum, 'reduce_sum');
  if (y === undefined || total?.x !== powers) return undefined;
  return rw.builder.one('softmax', [withoutMaximum(y, total.axis)], { axis: total.axis });
}

const logarithm: Rule = (node, rw) => {
  const inner = rw.soleProducer(node.inputs[0] as Value, 'softmax');
  return inner && rw.builder.one('log_softmax', inner.inputs, { axis: Number(inner.attrs.axis) });
};

/** y - log(sum(exp(y))). */
const difference: Rule = (node, rw) => {
  const [y, shift] = node.inputs as readonly [Value, Value];
  const total = alongOne(madeBy(shift, 'log')?.inputs[0], 'reduce_sum');
  if (total === undefined || madeBy(total.x, 'exp')?.inputs[0] !== y) return undefined;
  return rw.builder.one('log_softmax', [withoutMaximum(y, total.axis)], { axis: total.axis });
};

export const FUSE_SOFTMAX: Pass = {
  name: 'fuse-softmax',
  theme: 'fuse',
  level: 1,
  doc: 'Softmax and log-softmax as exporters write them out become one operator each.',
  run: (graph, context) =>
    applyRules(graph, context, { div: [quotient], mul: [product], log: [logarithm], sub: [difference] }),
};
