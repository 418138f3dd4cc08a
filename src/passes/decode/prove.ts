// The proof of prefix stability: the graphs of all lengths are paired, what depends only on shapes is compared at each, and
// the graph at the greatest length is interpreted over facts. It ends with a plan for every node, or a refusal.
import { NeffcError } from '../../base/diagnostic.js';
import type { Constant } from '../../ir/constant.js';
import { constantOf, type Node, type Value } from '../../ir/graph.js';
import { staticShape } from '../../ir/type.js';
import { constantNumbers } from '../../ops/evaluate.js';
import { constantFacts, sameShape } from './constants.js';
import type { Facts } from './facts.js';
import type { Family } from './family.js';
import { lengthProblem } from './lengths.js';
import { pairGraphs, type ValuePair } from './pairing.js';
import type { Plan, RuleContext } from './plan.js';
import { type View, viewOf } from './recurrence.js';
import { refuse } from './refusal.js';
import { ruleFor } from './rules.js';

export interface Proof {
  readonly family: Family;
  readonly view: View;
  readonly facts: ReadonlyMap<Value, Facts>;
  readonly plans: ReadonlyMap<Node, Plan>;
  readonly notes: readonly string[];
  /** The partner of a constant of the reference at a length; refuses where there is none. */
  constantAt(v: Value, length: number): Constant;
  /** The partner of any value at a length; refuses where there is none. */
  partnerAt(v: Value, length: number): Value;
}

/** Graphs of one other length, paired with the reference. */
interface Paired {
  readonly length: number;
  readonly pairs: readonly ValuePair[];
  readonly partners: ReadonlyMap<Value, Value>;
}

export function prove(family: Family): Proof {
  const { reference, max } = family;
  const view = viewOf(reference, max);
  for (const node of view.nodes) checkNode(node);
  const known = new Map<number, Paired>();
  const pairedAt = (length: number): Paired => {
    const paired = known.get(length) ?? pair(family, view, length);
    known.set(length, paired);
    return paired;
  };
  // The shortest graph may be put together otherwise, where all moves vanish: it is compared by its values (check.ts).
  const notes = new Set<string>();
  const paired = family.lengths.flatMap((length) => {
    if (length !== family.first) return [pairedAt(length)];
    const only = tryPair(family, view, length);
    if ('mismatch' in only)
      notes.add('the graph at the first length is another one: compared on random tokens');
    else known.set(length, only);
    return 'mismatch' in only ? [] : [only];
  });
  const all = max - family.first;
  if (paired.length + 1 < all)
    notes.add(
      `graphs compared at ${paired.length} of ${all} lengths: the first, the last and those around powers of two`,
    );
  const facts = new Map<Value, Facts>();
  const factsOf = (v: Value): Facts => {
    const made = facts.get(v) ?? factsOfConstant(v, paired, view, max);
    facts.set(v, made);
    return made;
  };
  for (const [i, v] of reference.body.params.entries()) {
    facts.set(v, parameterFacts(family, i));
    const grows = family.parameters[i]?.kind === 'context' && paired.some((p) => changesShape(v, p));
    if (grows)
      refuse(
        undefined,
        `input '${v.name}' has a value for each token: say what it is with --bind ${v.name}=ones or ${v.name}=count`,
      );
  }
  const context = ruleContext(paired, view, max);
  const plans = new Map<Node, Plan>();
  for (const node of neededNodes(view.nodes, reference.body.results)) {
    const plan = ruleFor(node.op)(node, node.inputs.map(factsOf), context);
    plans.set(node, plan);
    if (plan.note !== undefined) notes.add(plan.note);
    for (const [i, v] of node.outputs.entries()) facts.set(v, plan.facts[i] as Facts);
  }
  for (const v of reference.body.results) factsOf(v);
  for (const { length, pairs } of paired) {
    const problem = lengthProblem(pairs, facts, max, length, view.producer);
    if (problem !== undefined) refuse(problem.node, `at ${length} tokens ${problem.reason}`);
  }
  const partnerAt = (v: Value, length: number): Value =>
    (length === max ? v : pairedAt(length).partners.get(v)) ??
    refuse(view.producer(v), `a value of the graph is not found at ${length} tokens`);
  return {
    family,
    view,
    facts,
    plans,
    notes: [...notes],
    constantAt(v, length) {
      return constantOf(partnerAt(v, length)) ?? refuse(undefined, `a constant is none at ${length} tokens`);
    },
    partnerAt,
  };
}

function changesShape(v: Value, { partners }: Paired): boolean {
  const partner = partners.get(v);
  return partner !== undefined && !sameShape(staticShape(partner.type) ?? [], staticShape(v.type) ?? []);
}

function checkNode(node: Node): void {
  if (node.regions.length > 0) refuse(node, `${node.op} has bodies of its own, which are not looked into`);
  if (node.outputs.some((v) => staticShape(v.type) === undefined)) refuse(node, 'its shape is not known');
}

function tryPair(
  family: Family,
  view: View,
  length: number,
): Paired | { readonly mismatch: { node: Node | undefined; reason: string } } {
  const pairing = pairGraphs(view, graphAt(family, length), length);
  if ('mismatch' in pairing) return pairing;
  const partners = new Map<Value, Value>();
  for (const { reference, other } of pairing.pairs)
    if (!partners.has(reference)) partners.set(reference, other);
  return { length, pairs: pairing.pairs, partners };
}

function pair(family: Family, view: View, length: number): Paired {
  const paired = tryPair(family, view, length);
  if ('mismatch' in paired)
    return refuse(paired.mismatch.node, `at ${length} tokens ${paired.mismatch.reason}`);
  return paired;
}

function graphAt(family: Family, length: number) {
  try {
    return family.at(length);
  } catch (e) {
    if (e instanceof NeffcError)
      return refuse(undefined, `the decoder is not valid at ${length} tokens: ${e.message}`);
    throw e;
  }
}

function parameterFacts(family: Family, index: number): Facts {
  const axes = family.axes[index] ?? [];
  const context = family.parameters[index]?.kind === 'context';
  return { source: context ? 'context' : 'tokens', axes, last: !context && family.carried, behind: [] };
}

function factsOfConstant(v: Value, paired: readonly Paired[], view: View, max: number): Facts {
  const reference = constantOf(v);
  if (reference === undefined) return refuse(view.producer(v), 'a value is used before it is made');
  const others = paired.flatMap(({ length, partners }) => {
    const partner = partners.get(v);
    const constant = partner && constantOf(partner);
    return constant === undefined ? [] : [{ length, constant }];
  });
  return (
    constantFacts(reference, others, max) ??
    refuse(
      undefined,
      `a constant of shape [${reference.shape.join(',')}] grows with the tokens in a way that is not understood`,
    )
  );
}

function ruleContext(paired: readonly Paired[], view: View, max: number): RuleContext {
  return {
    max,
    recurrence: (node) => view.recurrences.get(node),
    other(v) {
      for (const { length, partners } of paired) {
        const partner = partners.get(v);
        const shape = partner && staticShape(partner.type);
        if (shape !== undefined) return { length, shape };
      }
      return undefined;
    },
    isLastIndex(v) {
      const index = (at: Value | undefined): number | undefined => {
        const constant = at && constantOf(at);
        return constant && constantNumbers(constant)[0];
      };
      return (
        index(v) === max - 1 &&
        paired.length > 0 &&
        paired.every(({ length, partners }) => index(partners.get(v)) === length - 1)
      );
    },
  };
}

/** Nodes that the results need, in order. */
function neededNodes(nodes: readonly Node[], results: readonly Value[]): readonly Node[] {
  const needed = new Set<Value>(results);
  const kept = new Set<Node>();
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((v) => needed.has(v))) continue;
    kept.add(node);
    for (const v of node.inputs) needed.add(v);
  }
  return nodes.filter((node) => kept.has(node));
}
