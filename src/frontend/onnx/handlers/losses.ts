// Losses of ai.onnx. The class axis is axis 1; a target that is `ignore_index` weighs nothing.
import type { Value } from '../../../ir/graph.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';

const REDUCTIONS = ['none', 'sum', 'mean'] as const;

/** -log probability of the target class, weighted. */
function negativeLogLikelihood(c: NodeContext, logs: Value, target: Value, weight: Value | undefined): Value {
  const reduction = c.attributes.oneOf('reduction', REDUCTIONS, 'mean');
  const ignored = c.attributes.has('ignore_index') ? c.attributes.int('ignore_index') : undefined;
  const isIgnored = ignored === undefined ? undefined : c.op('eq', [target, c.like(target, ignored)]);
  // An ignored target need not be a class.
  const index = isIgnored === undefined ? target : c.where(isIgnored, c.like(target, 0), target);
  const picked = c.squeeze(c.op('gather_elements', [logs, c.unsqueeze(index, [1])], { axis: 1 }), [1]);
  const byClass = weight === undefined ? undefined : c.gather(weight, index, 0);
  const one = byClass ?? (isIgnored === undefined ? undefined : c.filled(logs.type.dtype, c.shape(index), 1));
  const weights =
    one !== undefined && isIgnored !== undefined ? c.where(isIgnored, c.like(one, 0), one) : one;
  const negated = c.op('neg', [picked]);
  const losses = weights === undefined ? negated : c.mul(negated, weights);
  if (reduction === 'none') return losses;
  const all = losses.type.shape.map((_, axis) => axis);
  if (reduction === 'mean' && weights === undefined) return c.reduce('mean', losses, all, false);
  const total = c.reduce('sum', losses, all, false);
  return reduction === 'sum' || weights === undefined
    ? total
    : c.div(total, c.reduce('sum', weights, all, false));
}

const negativeLogLikelihoodLoss: Handler = (c) =>
  negativeLogLikelihood(c, c.input(0), c.input(1), c.optional(2));

const softmaxCrossEntropyLoss: Handler = (c) => {
  const logs = c.op('log_softmax', [c.input(0)], { axis: 1 });
  return [negativeLogLikelihood(c, logs, c.input(1), c.optional(2)), logs];
};

export const LOSSES: HandlerTable = {
  NegativeLogLikelihoodLoss: negativeLogLikelihoodLoss,
  SoftmaxCrossEntropyLoss: softmaxCrossEntropyLoss,
};
