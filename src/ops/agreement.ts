// When dims of different operands must be equal. Two integers decide it; symbolic dims contradict only where their
// difference is a number, for everything else is taken for equal: nothing else makes the model valid.
import { type Dim, subtractDims } from '../ir/dim.js';

/** Whether two dims cannot be equal, whatever the symbols stand for. */
export function dimsContradict(a: Dim, b: Dim): boolean {
  if (a === b) return false;
  const difference = subtractDims(a, b);
  return typeof difference === 'number' && difference !== 0;
}

/** Whether two shapes cannot be equal. */
export function shapesContradict(a: readonly Dim[], b: readonly Dim[]): boolean {
  return a.length !== b.length || a.some((dim, i) => dimsContradict(dim, b[i] ?? 0));
}

/** The one of two equal dims that says more: an integer, where there is one. */
export function knownDim(a: Dim, b: Dim): Dim {
  return typeof a === 'number' ? a : b;
}
