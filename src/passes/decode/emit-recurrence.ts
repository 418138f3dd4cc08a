// A recurrence in a step: its cell once, over the row of this step's token and the states that the step before left. In a
// padded step it stays unrolled over all tokens.
import { constantOf, type Node, type Value } from '../../ir/graph.js';
import type { Recurrence } from './cell.js';
import type { Emitter } from './emitter.js';
import type { Form } from './form.js';
import { copyValues } from './prologue.js';
import { refuse } from './refusal.js';

/** Values of the recurrence's outputs at this step: rows of one token, or what the last cell left. */
export function emitRecurrence(em: Emitter, node: Node, v: Value, form: Form): Value {
  const cell = em.proof.view.recurrences.get(node) ?? refuse(node, 'a recurrence is not known');
  const whole = em.factsOf(v).axes.some(({ axis }) => form.get(axis) === 'whole');
  if (whole || !em.incremental) return unrolled(em, node, v, form);
  const index = node.outputs.indexOf(v);
  return em.once(node, () => cellOnce(em, node, cell))[index] ?? refuse(node, 'a result is missing');
}

function cellOnce(em: Emitter, node: Node, cell: Recurrence): readonly Value[] {
  const [x, ...others] = node.inputs as readonly [Value, ...Value[]];
  const given = new Map<Value, Value>();
  given.set(cell.input, em.emit(x, new Map([[cell.axis, 'row']])));
  for (const [i, v] of cell.shared.entries()) {
    const operand = others[cell.states.length + i];
    if (operand !== undefined && constantOf(operand) === undefined) given.set(v, em.whole(operand));
  }
  const [output] = node.outputs as readonly [Value];
  const states = cell.states.map(({ before }, i) => em.parts.recurrent(output, before.type, i));
  for (const [i, { before }] of cell.states.entries())
    given.set(before, (states[i] as { param: Value }).param);
  const values = [...cell.outputs.map((o) => o.value), ...cell.states.map((s) => s.after)];
  const made = copyValues(em.builder, values, given);
  for (const [i, state] of states.entries()) state.next = made[cell.outputs.length + i];
  return made;
}

/** All cells, one after the other, as the importer made them. */
function unrolled(em: Emitter, node: Node, v: Value, form: Form): Value {
  const f = em.factsOf(v);
  const [axis] = f.axes;
  // What the last cell leaves would be that of the last token of the buffer.
  if (axis === undefined)
    return refuse(node, 'what its last cell leaves is not computed for all tokens at once');
  const given = new Map(
    node.inputs.flatMap((input) =>
      constantOf(input) === undefined ? [[input, em.whole(input)] as const] : [],
    ),
  );
  const [all] = copyValues(em.builder, [v], given);
  if (all === undefined) return refuse(node, 'a result is missing');
  return form.get(axis.axis) === 'row' ? em.rowOf(all, axis) : all;
}
