// Loops of elementwise evaluators. Operands broadcast against each other; axes that run on in both operands are merged, and
// what is left of the innermost axis is a row, along which an operand advances by 0 or 1. One call a row, none an element
// beyond the function itself.
import type { ElementArray, NumberArray } from '../base/tensor.js';
import { rowMajorStrides } from '../ir/type.js';
import type { BigArray } from './elements.js';

/** `n` results from `o` on; operands start at ia and ib and advance by sa and sb. */
export type Row<T> = (
  a: T,
  ia: number,
  sa: number,
  b: T,
  ib: number,
  sb: number,
  out: ElementArray,
  o: number,
  n: number,
) => void;

/** The function over rows of numbers: a call an element, since the engine inlines none where one loop has seen several. */
export function numberRow(f: (a: number, b: number) => number): Row<NumberArray> {
  return (a, ia, sa, b, ib, sb, out, o, n) => {
    const result = out as NumberArray;
    if (sb === 0) {
      const y = b[ib]!;
      for (let i = 0; i < n; i++) result[o + i] = f(a[ia + i * sa]!, y);
    } else if (sa === 0) {
      const x = a[ia]!;
      for (let i = 0; i < n; i++) result[o + i] = f(x, b[ib + i]!);
    } else for (let i = 0; i < n; i++) result[o + i] = f(a[ia + i]!, b[ib + i]!);
  };
}

/** Loops of their own for what folding does to large weights. Sums and the like are rounded once, as they are stored. */
export const ARITHMETIC_ROWS: Readonly<Record<'add' | 'sub' | 'mul' | 'div', Row<NumberArray>>> = {
  add: (a, ia, sa, b, ib, sb, out, o, n) => {
    const result = out as NumberArray;
    for (let i = 0; i < n; i++) result[o + i] = a[ia + i * sa]! + b[ib + i * sb]!;
  },
  sub: (a, ia, sa, b, ib, sb, out, o, n) => {
    const result = out as NumberArray;
    for (let i = 0; i < n; i++) result[o + i] = a[ia + i * sa]! - b[ib + i * sb]!;
  },
  mul: (a, ia, sa, b, ib, sb, out, o, n) => {
    const result = out as NumberArray;
    if (sa === 1 && sb === 0) {
      const y = b[ib]!;
      for (let i = 0; i < n; i++) result[o + i] = a[ia + i]! * y;
    } else for (let i = 0; i < n; i++) result[o + i] = a[ia + i * sa]! * b[ib + i * sb]!;
  },
  div: (a, ia, sa, b, ib, sb, out, o, n) => {
    const result = out as NumberArray;
    for (let i = 0; i < n; i++) result[o + i] = a[ia + i * sa]! / b[ib + i * sb]!;
  },
};

/** The same over 64-bit integers, whose results wrap when stored. */
export function bigRow(f: (a: bigint, b: bigint) => bigint): Row<BigArray> {
  return (a, ia, sa, b, ib, sb, out, o, n) => {
    for (let i = 0; i < n; i++) out[o + i] = f(a[ia + i * sa]!, b[ib + i * sb]!);
  };
}

/** Comparisons: results are 0 and 1. */
export function bigTest(f: (a: bigint, b: bigint) => number): Row<BigArray> {
  return (a, ia, sa, b, ib, sb, out, o, n) => {
    for (let i = 0; i < n; i++) out[o + i] = f(a[ia + i * sa]!, b[ib + i * sb]!);
  };
}

interface Axis {
  readonly size: number;
  readonly a: number;
  readonly b: number;
}

/** Strides of an operand along the axes of the result; 0 where it broadcasts. */
function alignedStrides(operand: readonly number[], shape: readonly number[]): number[] {
  const own = rowMajorStrides(operand);
  const missing = shape.length - operand.length;
  return shape.map((_, i) => (operand[i - missing] === 1 ? 0 : (own[i - missing] ?? 0)));
}

function mergedAxes(shape: readonly number[], a: readonly number[], b: readonly number[]): Axis[] {
  const sa = alignedStrides(a, shape);
  const sb = alignedStrides(b, shape);
  const axes: Axis[] = [];
  for (const [i, size] of shape.entries()) {
    if (size === 1) continue;
    const axis = { size, a: sa[i] ?? 0, b: sb[i] ?? 0 };
    const outer = axes.at(-1);
    if (outer !== undefined && outer.a === axis.a * size && outer.b === axis.b * size)
      axes[axes.length - 1] = { ...axis, size: outer.size * size };
    else axes.push(axis);
  }
  return axes;
}

/** Runs `row` over all rows of the result. */
export function forRows<T>(
  row: Row<T>,
  shape: readonly number[],
  a: T,
  aShape: readonly number[],
  b: T,
  bShape: readonly number[],
  out: ElementArray,
): void {
  if (shape.includes(0)) return;
  const axes = mergedAxes(shape, aShape, bShape);
  const inner = axes.pop() ?? { size: 1, a: 0, b: 0 };
  const index = new Array<number>(axes.length).fill(0);
  let ia = 0;
  let ib = 0;
  for (let o = 0; ; o += inner.size) {
    row(a, ia, inner.a, b, ib, inner.b, out, o, inner.size);
    let k = axes.length - 1;
    for (; k >= 0; k--) {
      const axis = axes[k] as Axis;
      ia += axis.a;
      ib += axis.b;
      index[k] = (index[k] ?? 0) + 1;
      if (index[k] !== axis.size) break;
      ia -= axis.a * axis.size;
      ib -= axis.b * axis.size;
      index[k] = 0;
    }
    if (k < 0) return;
  }
}
