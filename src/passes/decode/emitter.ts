// What emitters of single operators ask of the one that goes through the graph (emit.ts).
import type { Node, Value } from '../../ir/graph.js';
import type { GraphBuilder } from '../../ops/build.js';
import type { TokenAxis } from './axes.js';
import type { Facts } from './facts.js';
import type { Form } from './form.js';
import type { Plan } from './plan.js';
import type { Proof } from './prove.js';
import type { StepParts } from './step-parts.js';

export interface Emitter {
  readonly builder: GraphBuilder;
  readonly proof: Proof;
  readonly parts: StepParts;
  /** Whether rows are computed one a step; otherwise all, from a buffer of the tokens. */
  readonly incremental: boolean;
  /** The greatest length. */
  readonly max: number;
  factsOf(v: Value): Facts;
  /** The value in a form; made once. */
  emit(v: Value, form: Form): Value;
  /** All of a value. */
  whole(v: Value): Value;
  /** Values that come from a node together. */
  once(node: Node, make: () => readonly Value[]): readonly Value[];
  /** One entry of a token axis of an emitted value: the row of this step's token; the axis stays. */
  rowOf(value: Value, a: TokenAxis): Value;
  /** Operands in the forms that follow from that of the result. */
  operands(node: Node, plan: Plan, form: Form): Value[];
}
