// Which of several offered tensors goes to which input, by element type and shape. A need that one offer fits takes it;
// among those left, names decide, and only among those that fit. Pure: knows neither files nor graphs.

import { symbolsOf } from '../../frontend/onnx/dim-expressions.js';
import type { DeclaredDim, Port, ShapedType } from './request.js';

/** A tensor that is offered: how it is declared, and what it is at the shapes asked for. */
export interface Offer {
  readonly port: Port;
  readonly type: ShapedType;
}

/** A dim fixed by its file, one that varies with an input, or one of which the file says nothing: its size is inferred. */
type DimKind = 'fixed' | 'varies' | 'undeclared';

function kindOf(d: DeclaredDim, inputSymbols: ReadonlySet<string>): DimKind {
  if (typeof d === 'number') return 'fixed';
  return d !== undefined && symbolsOf(d).every((s) => inputSymbols.has(s)) ? 'varies' : 'undeclared';
}

export function symbolsOfPorts(ports: readonly Port[]): ReadonlySet<string> {
  const open = ports.flatMap(({ dims }) => dims ?? []).filter((d) => typeof d === 'string');
  return new Set(open.flatMap(symbolsOf));
}

/**
 * Whether the offer fits the need. `symbols` are those of the inputs of the model that offers. Symbolically a fixed dim
 * fits only a fixed dim, and one that varies only one that is open; where the file does not say, the size does.
 */
export function fits(
  offer: Offer,
  need: Port,
  symbols: ReadonlySet<string>,
  how: 'symbolic' | 'sizes',
): boolean {
  const { shape, dtype } = offer.type;
  if (need.dtype !== undefined && need.dtype !== dtype) return false;
  if (need.dims === undefined) return true;
  if (need.dims.length !== shape.length) return false;
  return need.dims.every((wanted, i) => {
    if (typeof wanted === 'number' && wanted !== shape[i]) return false;
    if (how === 'sizes') return true;
    const kind = offer.port.dims === undefined ? 'undeclared' : kindOf(offer.port.dims[i], symbols);
    return kind === 'undeclared' || (kind === 'fixed') === (typeof wanted === 'number');
  });
}

export interface Pairing<N, O> {
  readonly pairs: ReadonlyMap<N, O>;
  /** Needs for which several offers are left that names do not tell apart. */
  readonly undecided: ReadonlyMap<N, readonly O[]>;
}

/**
 * Pairs needs with distinct offers. `candidates` gives those that fit a need, `nameOf` the names that break ties. Needs
 * without candidates are left out.
 */
export function pairUp<N, O>(
  needs: readonly N[],
  candidates: (need: N) => readonly O[],
  nameOf: (side: N | O) => string,
): Pairing<N, O> {
  const open = new Map(needs.map((need) => [need, new Set(candidates(need))]));
  const pairs = new Map<N, O>();
  const settle = (need: N, offer: O): void => {
    pairs.set(need, offer);
    open.delete(need);
    for (const left of open.values()) left.delete(offer);
  };
  for (;;) {
    for (const [need, left] of open) if (left.size === 0) open.delete(need);
    const single = [...open].find(([, left]) => left.size === 1);
    const [only] = single?.[1] ?? [];
    if (single !== undefined && only !== undefined) {
      // Two needs with the same last offer: nothing but names can choose between them.
      const rivals = [...open].filter(([, left]) => left.size === 1 && left.has(only)).map(([need]) => need);
      const winner = rivals.length === 1 ? rivals[0] : byNames([only], rivals, nameOf)[0]?.[1];
      settle(winner ?? single[0], only);
      continue;
    }
    const offers = [...new Set([...open.values()].flatMap((left) => [...left]))];
    const decided = byNames([...open.keys()], offers, nameOf).find(([need, offer]) =>
      open.get(need)?.has(offer),
    );
    if (decided === undefined) break;
    settle(...decided);
  }
  return { pairs, undecided: new Map([...open].map(([need, left]) => [need, [...left]])) };
}

/** Pairs that names decide: first by what tells the names of each side apart, then by their longest common sequence. */
function byNames<A, B>(
  as: readonly A[],
  bs: readonly B[],
  nameOf: (side: A | B) => string,
): readonly (readonly [A, B])[] {
  const keysA = distinguishing(as.map(nameOf));
  const keysB = distinguishing(bs.map(nameOf));
  const exact = as.flatMap((a, i) => {
    const same = bs.filter((_, k) => keysB[k] === keysA[i]);
    const unique = keysA.filter((key) => key === keysA[i]).length === 1;
    const [b] = same;
    return unique && b !== undefined && same.length === 1 ? [[a, b] as const] : [];
  });
  if (exact.length > 0) return exact;
  const score = as.map((_, i) => bs.map((__, k) => commonLength(keysA[i] ?? '', keysB[k] ?? '')));
  return as.flatMap((a, i) => {
    const best = uniqueMaximum(score[i] ?? []);
    const b = best === undefined ? undefined : bs[best];
    const back = best === undefined ? undefined : uniqueMaximum(score.map((row) => row[best] ?? 0));
    return b !== undefined && back === i ? [[a, b] as const] : [];
  });
}

/** Each name without the words that all of them have. */
function distinguishing(names: readonly string[]): readonly string[] {
  const words = names.map((name): readonly string[] => name.match(/[A-Za-z]+|\d+/g) ?? []);
  const isCommon = (word: string) => names.length > 1 && words.every((list) => list.includes(word));
  return words.map((list) => list.filter((word) => !isCommon(word)).join(' '));
}

function uniqueMaximum(scores: readonly number[]): number | undefined {
  const most = Math.max(...scores);
  return most > 0 && scores.filter((score) => score === most).length === 1 ? scores.indexOf(most) : undefined;
}

/** Length of the longest common subsequence of letters. */
function commonLength(a: string, b: string): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const letter of a) {
    const next = [0];
    for (let k = 0; k < b.length; k++) {
      next.push(letter === b[k] ? (row[k] ?? 0) + 1 : Math.max(row[k + 1] ?? 0, next[k] ?? 0));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
