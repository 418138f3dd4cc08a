// The attention operator in a step: one query, all keys so far. Which keys exist is said by a mask, since `causal` counts
// queries from 0.
import type { Node, Value } from '../../ir/graph.js';
import type { Emitter } from './emitter.js';
import type { Form } from './form.js';
import { refuse } from './refusal.js';

/** Axis of queries in the result. */
const QUERIES = 2;
const KEYS = 3;

export function emitAttention(em: Emitter, node: Node, form: Form): Value {
  const plan = em.proof.plans.get(node);
  const [out] = node.outputs;
  if (plan === undefined || out === undefined) return refuse(node, 'a value is used that was not looked at');
  const inputs: readonly (Value | undefined)[] = em.operands(node, plan, form);
  em.builder.origin = node.origins;
  const one = em.factsOf(out).last || form.get(QUERIES) === 'row';
  const hidden = one && (em.factsOf(out).last || node.attrs.causal === true);
  if (!hidden) return em.builder.one('attention', inputs as Value[], node.attrs);
  const [q, k, v, mask] = inputs as [Value, Value, Value, Value | undefined];
  const { dtype } = mask?.type ?? q.type;
  const valid = em.parts.upTo(4, KEYS, em.max, 0);
  const open = em.builder.one('where', [
    valid,
    mask ?? em.parts.scalar(dtype, 0),
    em.parts.scalar(dtype, -Infinity),
  ]);
  return em.builder.one('attention', [q, k, v, open], { ...node.attrs, causal: false, mask: true });
}
