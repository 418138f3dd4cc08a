// Which rule of the proof speaks for which operator. An operator without one may only be used where no token axis is.
import { intAttr } from '../../ops/attributes.js';
import { declarationOf } from '../../ops/table.js';
import type { Rule } from './plan.js';
import {
  alongAxes,
  broadcast,
  elementwise,
  normalise,
  opaque,
  reshape,
  transpose,
} from './rules-pointwise.js';
import {
  attention,
  concat,
  convolution,
  cumulate,
  gather,
  matmul,
  pad,
  reduce,
  slice,
  softmax,
} from './rules-tokens.js';

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
};

export function ruleFor(op: string): Rule {
  const rule = RULES[op];
  if (rule !== undefined) return rule;
  return declarationOf(op).family === 'elementwise' ? elementwise : opaque;
}
