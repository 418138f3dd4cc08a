// Arithmetic of shapes with symbolic dims: broadcasting, sums along an axis, axes as attributes give them. Two dims are
// equal where they are the same object (ir/dim.ts); what a symbol may become is not known here.
import { addDims, type Dim, dimText, multiplyDims } from '../ir/dim.js';

type Fail = (reason: string) => never;

/** `[N,3,224,224]`. */
export function dimsText(shape: readonly Dim[]): string {
  return `[${shape.map(dimText).join(',')}]`;
}

/**
 * The common shape of two operands, right-aligned as in numpy; undefined where they have none. A symbolic dim beside an
 * integer above 1 takes the integer: the model is valid only where they agree.
 */
export function broadcastShapes(a: readonly Dim[], b: readonly Dim[]): readonly Dim[] | undefined {
  const rank = Math.max(a.length, b.length);
  const out: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const dim = commonDim(a[a.length - rank + i] ?? 1, b[b.length - rank + i] ?? 1);
    if (dim === undefined) return undefined;
    out.push(dim);
  }
  return out;
}

function commonDim(a: Dim, b: Dim): Dim | undefined {
  if (a === b || b === 1) return a;
  if (a === 1) return b;
  if (typeof a === 'number') return typeof b === 'number' ? undefined : a;
  // Two different symbolic dims are taken for equal: nothing else makes the model valid, but for a 1.
  return typeof b === 'number' ? b : a;
}

/** broadcastShapes over any number of shapes; `fail` where they have no common shape. */
export function broadcastAll(shapes: readonly (readonly Dim[])[], fail: Fail): readonly Dim[] {
  return shapes.reduce(
    (a, b) => broadcastShapes(a, b) ?? fail(`shapes ${dimsText(a)} and ${dimsText(b)} do not broadcast`),
    [] as readonly Dim[],
  );
}

/** Elements of a shape, as a dim. */
export function countDim(shape: readonly Dim[]): Dim {
  return shape.reduce(multiplyDims, 1);
}

export function sumDims(dims: readonly Dim[]): Dim {
  return dims.reduce(addDims, 0);
}

/** An axis 0 <= axis < rank as it is; anything else fails (frontends resolve negative ones). */
export function checkAxis(axis: number, rank: number, fail: Fail): number {
  if (!Number.isInteger(axis) || axis < 0 || axis >= rank)
    fail(`axis ${axis} is not one of the ${rank} axes of the operand`);
  return axis;
}

/** Different axes within the rank, in the order given. */
export function checkAxes(axes: readonly number[], rank: number, fail: Fail): readonly number[] {
  for (const axis of axes) checkAxis(axis, rank, fail);
  if (new Set(axes).size !== axes.length) fail(`axes [${axes.join(',')}] name one axis twice`);
  return axes;
}
