// What the proof decides for a node: facts of its results, and where the token axes of its operands go. The emitter of steps
// follows it, so that proof and derivation cannot disagree on an axis.
import type { Node, Value } from '../../ir/graph.js';
import type { Recurrence } from './cell.js';
import type { Facts } from './facts.js';

/** An axis of the result, or `whole`: all entries are needed, whichever of the result are asked for. */
export type Target = number | 'whole';

/** Nodes that treat one token of their operand, or some before it, in a way of their own. */
export type Special =
  /** Takes the entry of the last token. */
  | { readonly kind: 'select'; readonly axis: number }
  /** Each entry needs several, or another one, of the operand. */
  | { readonly kind: 'window'; readonly axis: number }
  /** Puts the entry of this step behind those of the steps before. */
  | { readonly kind: 'append'; readonly axis: number }
  | { readonly kind: 'attention' }
  | { readonly kind: 'recurrence' };

export interface Plan {
  readonly facts: readonly Facts[];
  /** For each operand: token axis -> target. */
  readonly flow: readonly ReadonlyMap<number, Target>[];
  readonly special?: Special;
  /** Operand -> what entries beyond the last token are replaced by (values of the last position only). */
  readonly fill?: ReadonlyMap<number, { readonly axis: number; readonly value: number }>;
  /** What had to be assumed. */
  readonly note?: string;
}

/** What rules may ask beside the facts of the operands. */
export interface RuleContext {
  readonly max: number;
  /** A smaller length and the shape of the value there. */
  other(v: Value): { readonly length: number; readonly shape: readonly number[] } | undefined;
  /** Whether a constant is the index of the last token at every length. */
  isLastIndex(v: Value): boolean;
  recurrence(node: Node): Recurrence | undefined;
}

export type Rule = (node: Node, facts: readonly Facts[], context: RuleContext) => Plan;
