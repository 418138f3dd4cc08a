// Which rule of the proof speaks for which operator. An operator without one may only be used where no token axis is.
import { intAttr } from '../../ops/attributes.js';
import { declarationOf } from '../../ops/table.js';
import { axisAt, isPlain, plainAxis } from './axes.js';
import type { Facts } from './facts.js';
import type { Rule } from './plan.js';
import { refuse } from './refusal.js';
import { concat, convolution, cumulate, gather, pad, slice } from './rules-places.js';
import {
  alongAxes,
  broadcast,
  elementwise,
  joined,
  normalise,
  opaque,
  reshape,
  transpose,
} from './rules-pointwise.js';
import { attention, matmul, reduce, softmax } from './rules-tokens.js';

/** A cell for each token, from the first one on: an entry depends on tokens up to its own, whatever the cell does. */
const recurrence: Rule = (node, facts, context) => {
  const cell = context.recurrence(node) ?? refuse(node, 'a recurrence is not known');
  const [x, ...others] = facts as readonly [Facts, ...Facts[]];
  const own = axisAt(x.axes, cell.axis);
  if (own === undefined || !isPlain(own) || x.axes.length > 1 || x.last)
    refuse(node, "it runs over an axis that is not plainly the tokens'");
  if (others.some((f) => f.axes.length > 0 || f.last))
    refuse(node, 'its cells share something that depends on the token axis');
  if (others.slice(0, cell.states.length).some((f) => f.source === 'tokens'))
    refuse(node, 'its states start from tokens');
  return {
    facts: cell.outputs.map(({ kind, axis }) => ({
      ...joined(facts),
      axes: kind === 'rows' ? [plainAxis(axis)] : [],
      last: kind === 'final',
      behind: [],
    })),
    flow: facts.map((f) => new Map(f.axes.map((a) => [a.axis, 'whole' as const]))),
    special: { kind: 'recurrence' },
  };
};

const search = alongAxes(
  (node) => [intAttr(node.attrs, 'axis')],
  (node) => node.op === 'topk' || node.attrs.keep === true,
);

const RULES: Readonly<Record<string, Rule>> = {
  transpose,
  reshape,
  broadcast,
  slice,
  concat,
  pad,
  gather,
  matmul,
  softmax,
  log_softmax: softmax,
  layer_norm: normalise,
  rms_norm: normalise,
  reduce_sum: reduce,
  reduce_max: reduce,
  reduce_min: reduce,
  reduce_prod: reduce,
  reduce_mean: reduce,
  argmax: search,
  argmin: search,
  topk: search,
  cumsum: cumulate,
  attention,
  conv: convolution,
  recurrence,
};

export function ruleFor(op: string): Rule {
  const rule = RULES[op];
  if (rule !== undefined) return rule;
  return declarationOf(op).family === 'elementwise' ? elementwise : opaque;
}
