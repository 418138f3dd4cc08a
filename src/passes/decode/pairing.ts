// Pairs the values of the graph at the greatest length with those of the graph at another: from the results backwards, the
// same operator on paired operands. A move that moves nothing at the shorter length may be missing there. Whether shapes and
// attributes agree is asked later (lengths.ts), when it is known which axes grow.
import { constantOf, type Graph, type Node, producer, type Value } from '../../ir/graph.js';
import { zerosLike } from './cell.js';
import type { View } from './recurrence.js';
import { unroll } from './unroll.js';

export interface ValuePair {
  readonly reference: Value;
  readonly other: Value;
  /** The reference's value is made by a move that the other graph does without. */
  readonly vanished: boolean;
}

export interface Mismatch {
  readonly node: Node | undefined;
  readonly reason: string;
}

export type Pairing = { readonly pairs: readonly ValuePair[] } | { readonly mismatch: Mismatch };

/** Moves that the builder drops where they move nothing. */
const VANISHING = new Set(['reshape', 'broadcast', 'slice', 'pad', 'transpose']);

/** `length`: the number of tokens of the other graph. */
export function pairGraphs(view: View, other: Graph, length: number): Pairing {
  const reference = view.graph;
  const pairs: ValuePair[] = [];
  const seen = new Map<Value, Set<Value>>();
  const open: [Value, Value][] = [];
  const push = (a: Value, b: Value): void => {
    const known = seen.get(a) ?? new Set();
    if (known.has(b)) return;
    seen.set(a, known.add(b));
    open.push([a, b]);
  };
  const params = new Map<Value, Value | undefined>(
    reference.body.params.map((v, i) => [v, other.body.params[i]]),
  );
  for (const [i, a] of reference.body.results.entries()) {
    const b = other.body.results[i];
    if (b === undefined)
      return { mismatch: { node: undefined, reason: 'the graphs have different results' } };
    push(a, b);
  }
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [a, b] = next;
    const [nodeA, nodeB] = [view.producer(a), producer(b)];
    const recurrence = nodeA && view.recurrences.get(nodeA);
    if (nodeA === undefined) {
      const same = constantOf(a) === undefined ? params.get(a) === b : constantOf(b) !== undefined;
      if (!same) return { mismatch: { node: nodeB, reason: 'the graphs differ' } };
      pairs.push({ reference: a, other: b, vanished: false });
      continue;
    }
    if (recurrence !== undefined) {
      const output = recurrence.outputs[nodeA.outputs.indexOf(a)];
      const cells = output && unroll(recurrence, output, b, length);
      if (cells === undefined || 'reason' in cells)
        return { mismatch: { node: nodeA, reason: 'the recurrence is another one' } };
      pairs.push({ reference: a, other: b, vanished: false });
      const { states } = recurrence;
      const starts = states.map(({ before }, i) => cells.starts[i] ?? zerosLike(before));
      const operands = [cells.x, ...starts, ...cells.shared];
      for (const [i, input] of nodeA.inputs.entries()) push(input, operands[i] ?? input);
      continue;
    }
    if (nodeB?.op === nodeA.op && nodeB.inputs.length === nodeA.inputs.length && sameResult(a, b)) {
      pairs.push({ reference: a, other: b, vanished: false });
      for (const [i, input] of nodeA.inputs.entries()) push(input, nodeB.inputs[i] ?? input);
      continue;
    }
    const [moved] = nodeA.inputs;
    if (!VANISHING.has(nodeA.op) || moved === undefined) {
      return { mismatch: { node: nodeA, reason: difference(nodeA, nodeB) } };
    }
    pairs.push({ reference: a, other: b, vanished: true });
    push(moved, b);
  }
  return { pairs };
}

function difference(a: Node, b: Node | undefined): string {
  if (a.op === b?.op)
    return `${a.op} has ${b.inputs.length} operands and not ${a.inputs.length}: tokens go through copies of something that is no forward recurrence`;
  return `${b?.op ?? 'no operator'} stands in the place of ${a.op}`;
}

function sameResult(a: Value, b: Value): boolean {
  return a.def.kind === 'result' && b.def.kind === 'result' && a.def.index === b.def.index;
}
