// Tensors without elements: no instruction can make or read one. A result without elements is an empty constant; a reduction,
// a product or a convolution over nothing is its neutral element; what pools or pads nothing is what it adds.
import { isFloat } from '../../base/dtype.js';
import type { Value } from '../../ir/graph.js';
import { dimsOf } from '../match.js';
import type { Pass } from '../pass.js';
import { applyRules, type Rule } from '../rules.js';

const isEmpty = (v: Value | undefined): boolean => dimsOf(v)?.includes(0) === true;

const emptyResults: Rule = (node, rw) => {
  if (node.outputs.length === 0 || node.regions.length > 0 || !node.outputs.every(isEmpty)) return undefined;
  if (node.outputs.some((v) => v.type.dtype === 'string' || dimsOf(v) === undefined)) return undefined;
  return node.outputs.map((v) =>
    rw.builder.one('broadcast', [rw.builder.scalar(v.type.dtype, 0)], { shape: dimsOf(v) as number[] }),
  );
};

/** Of a reduction over nothing every element is the same: what its own evaluator says. */
const overNothing: Rule = (node, rw) => {
  const [x] = node.inputs;
  const shape = dimsOf(node.outputs[0]);
  if (x === undefined || !isEmpty(x) || shape === undefined) return undefined;
  const nothing = rw.builder.one('broadcast', [rw.builder.scalar(x.type.dtype, 0)], {
    shape: dimsOf(x) as number[],
  });
  return rw.builder.one(node.op, [nothing], node.attrs);
};

/** A product over a depth of 0 is 0, before bias and activation. */
const productOfNothing: Rule = (node, rw) => {
  const b = rw.builder;
  const [a, , bias] = node.inputs;
  const out = node.outputs[0] as Value;
  const shape = dimsOf(out);
  if (a === undefined || dimsOf(a)?.at(-1) !== 0 || shape === undefined || isEmpty(out)) return undefined;
  const zero = b.one('broadcast', [b.scalar(out.type.dtype, 0)], { shape });
  const sum =
    node.attrs.bias === true && bias
      ? b.one('add', [zero, b.one('cast', [bias], { to: out.type.dtype })])
      : zero;
  const act = String(node.attrs.act ?? '');
  if (act === '' || !isFloat(out.type.dtype)) return act === 'relu' ? b.one('relu', [sum]) : sum;
  const alpha = act === 'leaky_relu' || act === 'elu' ? { alpha: Number(node.attrs.alpha) } : {};
  return b.one(act, [sum], alpha);
};

const concatOfSome: Rule = (node, rw) => {
  const parts = node.inputs.filter((v) => !isEmpty(v));
  if (parts.length === node.inputs.length || parts.length === 0) return undefined;
  return rw.builder.one('concat', parts, node.attrs);
};

const padOfNothing: Rule = (node, rw) => {
  const shape = dimsOf(node.outputs[0]);
  const [x] = node.inputs;
  if (x === undefined || !isEmpty(x) || shape === undefined || node.attrs.mode !== 'constant')
    return undefined;
  return rw.builder.one('broadcast', [rw.builder.scalar(x.type.dtype, Number(node.attrs.value))], { shape });
};

const REDUCTIONS = ['reduce_sum', 'reduce_mean', 'reduce_max', 'reduce_min', 'reduce_prod'];

export const EXPAND_EMPTY: Pass = {
  name: 'expand-empty',
  theme: 'expand',
  level: 0,
  doc: 'Tensors without elements become constants, and what is computed over them its neutral element.',
  run: (graph, context) =>
    applyRules(graph, context, {
      ...Object.fromEntries(REDUCTIONS.map((op) => [op, [overNothing]])),
      matmul: [productOfNothing],
      concat: [concatOfSome],
      pad: [padOfNothing],
      any: [emptyResults],
    }),
};
