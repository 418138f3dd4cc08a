// Constants over all lengths. What depends only on shapes (masks, positions, relative bias) is not reasoned about: its values
// are at hand at every length. Either each is the crop of the value at the greatest length (stable, with token axes), or
// it belongs to the last position, and steps take it from a table.
import { elementCount } from '../../base/tensor.js';
import type { Constant } from '../../ir/constant.js';
import { rowMajorStrides } from '../../ir/type.js';
import { constantNumbers } from '../../ops/evaluate.js';
import { plainAxis, shapeAt, type TokenAxis } from './axes.js';
import { type Behind, type Facts, pairsOf } from './facts.js';

/** Elements up to which a constant without token axes is searched for its range. */
const SEARCHED_ELEMENTS = 4096;

/** Facts of a constant from its values at other lengths; undefined where its shape follows no rule. */
export function constantFacts(
  reference: Constant,
  others: readonly { readonly length: number; readonly constant: Constant }[],
  max: number,
): Facts | undefined {
  const scaled = others.find(({ constant }) => !sameShape(constant.shape, reference.shape));
  if (scaled === undefined) {
    const fixed = others.every(({ constant }) => sameConstant(reference, constant));
    return finish(reference, [], !fixed);
  }
  for (const axes of layouts(reference.shape, scaled.constant.shape, max, scaled.length)) {
    const fits = others.every(({ constant, length }) =>
      sameShape(constant.shape, shapeAt(reference.shape, axes, length)),
    );
    if (!fits) continue;
    const stable = others.every(({ constant }) => isCrop(reference, constant, axes));
    if (stable) return finish(reference, axes, false);
    if (axes.every((a) => a.outer === 1 && a.inner === 1)) return finish(reference, axes, true);
  }
  return undefined;
}

/** Token axes that explain two shapes, those with nothing merged first. */
function layouts(
  shape: readonly number[],
  other: readonly number[],
  max: number,
  length: number,
): readonly (readonly TokenAxis[])[] {
  if (shape.length !== other.length) return [];
  let found: readonly (readonly TokenAxis[])[] = [[]];
  for (const [axis, dim] of shape.entries()) {
    if (dim === other[axis]) continue;
    const choices = axisLayouts(axis, dim, other[axis] ?? 0, max, length);
    found = found.flatMap((axes) => choices.map((a) => [...axes, a]));
  }
  return found;
}

function axisLayouts(axis: number, dim: number, other: number, max: number, length: number): TokenAxis[] {
  if (dim - other === max - length) return [plainAxis(axis, dim - max)];
  const merged = (dim - other) / (max - length);
  if (!Number.isInteger(merged) || merged * max !== dim) return [];
  const layouts: TokenAxis[] = [];
  for (let outer = 1; outer <= merged; outer++)
    if (merged % outer === 0) layouts.push({ ...plainAxis(axis), outer, inner: merged / outer });
  return layouts;
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

/** Whether two constants have the same elements; recipes are compared before anything is evaluated. */
export function sameConstant(a: Constant, b: Constant): boolean {
  if (a === b) return true;
  if (a.dtype !== b.dtype || !sameShape(a.shape, b.shape)) return false;
  if (sameRecipe(a, b)) return true;
  return sameNumbers(constantNumbers(a), constantNumbers(b));
}

function sameRecipe({ recipe: a }: Constant, { recipe: b }: Constant): boolean {
  if (a.kind === 'bytes' && b.kind === 'bytes')
    return a.bytes.buffer === b.bytes.buffer && a.bytes.byteOffset === b.bytes.byteOffset;
  if (a.kind !== 'apply' || b.kind !== 'apply') return false;
  return (
    a.op === b.op &&
    a.result === b.result &&
    JSON.stringify(a.attrs) === JSON.stringify(b.attrs) &&
    a.inputs.length === b.inputs.length &&
    a.inputs.every((input, i) => {
      const other = b.inputs[i];
      return other !== undefined && sameConstant(input, other);
    })
  );
}

function sameNumbers(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  for (let i = 0; i < a.length; i++)
    if (a[i] !== b[i] && !(Number.isNaN(a[i]) && Number.isNaN(b[i]))) return false;
  return true;
}

/** Whether the elements of `small` are those of `large` at the first tokens of each token axis. */
function isCrop(large: Constant, small: Constant, axes: readonly TokenAxis[]): boolean {
  const from = constantNumbers(large);
  const to = constantNumbers(small);
  // Dims with merged axes taken apart, so that a crop is a plain sub-box.
  const parts = (shape: readonly number[]): number[] =>
    shape.flatMap((dim, axis) => {
      const a = axes.find((x) => x.axis === axis);
      return a === undefined ? [dim] : [a.outer, dim / (a.outer * a.inner), a.inner];
    });
  const [big, little] = [parts(large.shape), parts(small.shape)];
  const strides = rowMajorStrides(big);
  const index = little.map(() => 0);
  let at = 0;
  for (let i = 0; i < elementCount(small.shape); i++) {
    const [x, y] = [from[at] ?? 0, to[i] ?? 0];
    if (x !== y && !(Number.isNaN(x) && Number.isNaN(y))) return false;
    for (let axis = little.length - 1; axis >= 0; axis--) {
      const stride = strides[axis] ?? 0;
      index[axis] = (index[axis] ?? 0) + 1;
      at += stride;
      if ((index[axis] ?? 0) < (little[axis] ?? 0)) break;
      at -= stride * (little[axis] ?? 0);
      index[axis] = 0;
    }
  }
  return true;
}

function finish(constant: Constant, axes: readonly TokenAxis[], last: boolean): Facts {
  const base = { source: 'constant' as const, axes, last };
  if (constant.dtype === 'string' || constant.recipe.kind === 'opaque') return { ...base, behind: [] };
  const pairs = last ? [] : pairsOf(base);
  const plain = axes.every((a) => a.outer === 1 && a.inner === 1 && a.extra === 0);
  const searched = !last && (pairs.length > 0 || elementCount(constant.shape) <= SEARCHED_ELEMENTS);
  return {
    ...base,
    behind: plain ? pairs.map(({ row, key }) => behindIn(constant, row, key)) : [],
    ...(searched && { range: rangeOf(constantNumbers(constant)) }),
  };
}

function rangeOf(numbers: ArrayLike<number>): { low: number; high: number } {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < numbers.length; i++) {
    const x = numbers[i] ?? 0;
    // A NaN is in no interval: nothing is known then.
    if (Number.isNaN(x)) return { low: -Infinity, high: Infinity };
    if (x < low) low = x;
    if (x > high) high = x;
  }
  return { low, high };
}

/** Reads off the values: the interval of the entries behind the row, and what each row surely has before it. */
function behindIn(constant: Constant, row: number, key: number): Behind {
  const numbers = constantNumbers(constant);
  const { shape } = constant;
  const strides = rowMajorStrides(shape);
  const [rowStride, keyStride] = [strides[row] ?? 1, strides[key] ?? 1];
  const [rows, keys] = [shape[row] ?? 1, shape[key] ?? 1];
  let [low, high, most, least] = [Infinity, -Infinity, Infinity, -Infinity];
  let [floor, ceiling] = [Infinity, -Infinity];
  for (let base = 0; base < numbers.length; base++) {
    if (Math.floor(base / rowStride) % rows !== 0 || Math.floor(base / keyStride) % keys !== 0) continue;
    for (let i = 0; i < rows; i++) {
      let [greatest, smallest] = [-Infinity, Infinity];
      for (let j = 0; j < keys; j++) {
        const x = numbers[base + i * rowStride + j * keyStride] ?? 0;
        if (j > i) {
          low = Math.min(low, x);
          high = Math.max(high, x);
        } else {
          greatest = Math.max(greatest, x);
          smallest = Math.min(smallest, x);
        }
      }
      most = Math.min(most, greatest);
      least = Math.max(least, smallest);
      floor = Math.min(floor, smallest);
      ceiling = Math.max(ceiling, greatest);
    }
  }
  return { row, key, low, high, shifted: false, most, least, floor, ceiling };
}

/** What is known behind the row of a value that broadcasts against the pair without having both of its axes. */
export function uniformBehind(f: Facts, row: number, key: number): Behind | undefined {
  if (f.range === undefined || f.last || f.source !== 'constant') return undefined;
  const { low, high } = f.range;
  return { row, key, low, high, shifted: false, most: low, least: high, floor: low, ceiling: high };
}
