// Pairs the values of the graph at the greatest length with those of the graph at another: from the results backwards, the
// same operator on paired operands. A move that moves nothing at the shorter length may be missing there. Whether shapes and
// attributes agree is asked later (lengths.ts), when it is known which axes grow.
import { constantOf, type Graph, type Node, producer, type Value } from '../../ir/graph.js';

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

export function pairGraphs(reference: Graph, other: Graph): Pairing {
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
    const [nodeA, nodeB] = [producer(a), producer(b)];
    if (nodeA === undefined) {
      const same = constantOf(a) === undefined ? params.get(a) === b : constantOf(b) !== undefined;
      if (!same) return { mismatch: { node: nodeB, reason: 'the graphs differ' } };
      pairs.push({ reference: a, other: b, vanished: false });
      continue;
    }
    if (nodeB?.op === nodeA.op && nodeB.inputs.length === nodeA.inputs.length && sameResult(a, b)) {
      pairs.push({ reference: a, other: b, vanished: false });
      for (const [i, input] of nodeA.inputs.entries()) push(input, nodeB.inputs[i] ?? input);
      continue;
    }
    const [moved] = nodeA.inputs;
    if (!VANISHING.has(nodeA.op) || moved === undefined) {
      const found = nodeB?.op ?? 'no operator';
      return { mismatch: { node: nodeA, reason: `${found} stands in the place of ${nodeA.op}` } };
    }
    pairs.push({ reference: a, other: b, vanished: true });
    push(moved, b);
  }
  return { pairs };
}

function sameResult(a: Value, b: Value): boolean {
  return a.def.kind === 'result' && b.def.kind === 'result' && a.def.index === b.def.index;
}
