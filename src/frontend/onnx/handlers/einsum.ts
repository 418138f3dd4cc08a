// Einstein sums. Operands are multiplied pair by pair: axes are ordered [kept in both, own, summed], so that each pair is a
// batched matrix product; what only one operand has and nobody needs is summed before.
import type { Value } from '../../../ir/graph.js';
import type { NodeContext } from '../context.js';

/** A value and the letter of each of its axes. */
interface Term {
  readonly value: Value;
  readonly axes: readonly string[];
}

/** Letters of an operand of this rank: `...` becomes digits, counted from the right so that they broadcast. */
function lettersOf(c: NodeContext, text: string, rank: number): readonly string[] {
  const [head = '', tail] = text.split('...');
  if (tail === undefined) {
    if (head.length !== rank) throw c.bad(`the term '${text}' does not fit an operand of rank ${rank}`);
    return [...head];
  }
  const free = rank - head.length - tail.length;
  if (free < 0) throw c.bad(`the term '${text}' does not fit an operand of rank ${rank}`);
  const digits = Array.from({ length: free }, (_, i) => `#${free - 1 - i}`);
  return [...head, ...digits, ...tail];
}

const isDigit = (letter: string): boolean => letter.startsWith('#');

export function einsum(c: NodeContext, equation: string, values: readonly Value[]): Value {
  const [left = '', right] = equation.replaceAll(' ', '').split('->');
  const texts = left.split(',');
  if (texts.length !== values.length) throw c.bad(`'${equation}' is not for ${values.length} operands`);
  const terms = values.map((value, i) =>
    diagonal(c, { value, axes: lettersOf(c, texts[i] ?? '', c.rank(value)) }),
  );
  const digits = terms.reduce<readonly string[]>((most, { axes }) => {
    const own = axes.filter(isDigit);
    return own.length > most.length ? own : most;
  }, []);
  const wanted = right === undefined ? implicitOutput(terms, digits) : explicitOutput(right, digits);
  const product = terms.slice(1).reduce((a, b, i) => {
    const later = new Set([...wanted, ...terms.slice(i + 2).flatMap((term) => term.axes)]);
    return multiply(c, a, b, later);
  }, terms[0] as Term);
  return arrange(c, sumAway(c, product, new Set(wanted)), wanted);
}

function explicitOutput(text: string, digits: readonly string[]): readonly string[] {
  const [head = '', tail] = text.split('...');
  return tail === undefined ? [...head] : [...head, ...digits, ...tail];
}

/** Letters that occur once, in alphabetical order (capitals first), after the broadcast axes. */
function implicitOutput(terms: readonly Term[], digits: readonly string[]): readonly string[] {
  const all = terms.flatMap((term) => term.axes).filter((letter) => !isDigit(letter));
  const once = all.filter((letter) => all.indexOf(letter) === all.lastIndexOf(letter));
  return [...digits, ...once.sort((a, b) => (a < b ? -1 : 1))];
}

/** Axes with the same letter become their diagonal: a mask of it, and a sum over one of them. */
function diagonal(c: NodeContext, term: Term): Term {
  const { value, axes } = term;
  const second = axes.findIndex((letter, i) => axes.indexOf(letter) !== i);
  if (second < 0) return term;
  const first = axes.indexOf(axes[second] ?? '');
  const size = c.dim(value, first);
  const places = c.iota(size);
  const rank = axes.length;
  const mask = c.op('eq', [c.alongAxis(places, first, rank), c.alongAxis(places, second, rank)]);
  const masked = c.where(mask, value, c.like(value, 0));
  const rest = { value: c.reduce('sum', masked, [second], false), axes: axes.filter((_, i) => i !== second) };
  return diagonal(c, rest);
}

/** Sums over the axes whose letters are not needed. */
function sumAway(c: NodeContext, { value, axes }: Term, needed: ReadonlySet<string>): Term {
  const gone = axes.flatMap((letter, i) => (needed.has(letter) ? [] : [i]));
  return { value: c.reduce('sum', value, gone, false), axes: axes.filter((letter) => needed.has(letter)) };
}

/** Axes in the order wanted; those the value lacks have one element. */
function arrange(c: NodeContext, { value, axes }: Term, wanted: readonly string[]): Value {
  const present = wanted.filter((letter) => axes.includes(letter));
  const ordered = c.transpose(
    value,
    present.map((letter) => axes.indexOf(letter)),
  );
  const missing = wanted.flatMap((letter, i) => (axes.includes(letter) ? [] : [i]));
  return missing.length === 0 ? ordered : c.unsqueeze(ordered, missing);
}

function multiply(c: NodeContext, a: Term, b: Term, later: ReadonlySet<string>): Term {
  const left = sumAway(c, a, new Set([...later, ...b.axes]));
  const right = sumAway(c, b, new Set([...later, ...a.axes]));
  const shared = left.axes.filter((letter) => right.axes.includes(letter));
  const summed = shared.filter((letter) => !later.has(letter));
  const kept = shared.filter((letter) => later.has(letter));
  const ownLeft = left.axes.filter((letter) => !shared.includes(letter));
  const ownRight = right.axes.filter((letter) => !shared.includes(letter));
  if (summed.length === 0) {
    const axes = [...kept, ...ownLeft, ...ownRight];
    return { value: c.mul(arrange(c, left, axes), arrange(c, right, axes)), axes };
  }
  const dims = (term: Term, letters: readonly string[]) =>
    letters.map((letter) => c.dim(term.value, term.axes.indexOf(letter)));
  const product = (list: readonly number[]) => list.reduce((n, d) => n * d, 1);
  const [m, n, k] = [dims(left, ownLeft), dims(right, ownRight), dims(left, summed)];
  const [batchLeft, batchRight] = [dims(left, kept), dims(right, kept)];
  const rows = c.reshape(arrange(c, left, [...kept, ...ownLeft, ...summed]), [
    ...batchLeft,
    product(m),
    product(k),
  ]);
  const columns = c.reshape(arrange(c, right, [...kept, ...summed, ...ownRight]), [
    ...batchRight,
    product(k),
    product(n),
  ]);
  const batch = batchLeft.map((d, i) => Math.max(d, batchRight[i] ?? 1));
  return {
    value: c.reshape(c.matmul(rows, columns), [...batch, ...m, ...n]),
    axes: [...kept, ...ownLeft, ...ownRight],
  };
}
