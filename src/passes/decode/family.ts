// The graphs of a decoder at all lengths, seen as one family: the graph at the greatest length is the reference, the others
// are paired with it. Length n is the number of tokens that a step may look at, its own included: step t of a prefix
// decoder is the graph at t + 1 tokens, step t of a carried one has a prompt and t tokens in its states.
import type { Graph } from '../../ir/graph.js';
import { plainAxis, type TokenAxis } from './axes.js';
import type { CarriedSource, DecodeSource, PrefixSource } from './model.js';

/** What a parameter of the decoder graph is. */
export type Parameter =
  | { readonly kind: 'token' }
  | { readonly kind: 'context'; readonly index: number }
  | { readonly kind: 'state'; readonly index: number };

export interface Family {
  readonly max: number;
  /** Length at step 0. */
  readonly first: number;
  readonly reference: Graph;
  /** Lengths compared with the reference, descending. */
  readonly lengths: readonly number[];
  readonly parameters: readonly Parameter[];
  /** Token axes of each parameter. */
  readonly axes: readonly (readonly TokenAxis[])[];
  /** Whether the parameters that depend on tokens belong to the last position. */
  readonly carried: boolean;
  at(length: number): Graph;
}

/** Up to this many lengths all are compared. */
const ALL_LENGTHS = 256;

/** All lengths, or of many the first and last ones and those around powers of two. */
function lengthsBetween(least: number, most: number): number[] {
  const all = Array.from({ length: Math.max(0, most - least + 1) }, (_, i) => most - i);
  if (all.length <= ALL_LENGTHS) return all;
  const near = (n: number): boolean => {
    for (let power = 1; power <= most + 1; power *= 2) if (Math.abs(power - n) <= 1) return true;
    return n < least + 8 || n > most - 4;
  };
  return all.filter(near);
}

export function familyOf(source: DecodeSource): Family {
  return source.kind === 'prefix' ? prefixFamily(source) : carriedFamily(source);
}

const memoised = (make: (length: number) => Graph): ((length: number) => Graph) => {
  const made = new Map<number, Graph>();
  return (length) => {
    const graph = made.get(length) ?? make(length);
    made.set(length, graph);
    return graph;
  };
};

function prefixFamily(source: PrefixSource): Family {
  const first = source.prompt?.length ?? 1;
  const max = first + source.generation.maxSteps - 1;
  const at = memoised((length) => source.decoderAt(length));
  return {
    max,
    first,
    reference: at(max),
    lengths: lengthsBetween(Math.max(first, source.shortest), max - 1),
    parameters: [{ kind: 'token' }, ...contexts(source)],
    axes: [[plainAxis(1)], ...source.context.map(() => [])],
    carried: false,
    at,
  };
}

function carriedFamily(source: CarriedSource): Family {
  const first = source.promptLength + 1;
  const max = source.promptLength + source.generation.maxSteps;
  const at = memoised((length) => source.stepAt(length - 1));
  return {
    max,
    first,
    reference: at(max),
    lengths: lengthsBetween(first, max - 1),
    parameters: [
      { kind: 'token' },
      ...contexts(source),
      ...source.states.map((_, index) => ({ kind: 'state' as const, index })),
    ],
    axes: [
      [],
      ...source.context.map(() => []),
      ...source.states.map(({ tokenAxis }) => (tokenAxis === undefined ? [] : [plainAxis(tokenAxis, -1)])),
    ],
    carried: true,
    at,
  };
}

function contexts(source: DecodeSource): Parameter[] {
  return source.context.map((_, index) => ({ kind: 'context', index }));
}
