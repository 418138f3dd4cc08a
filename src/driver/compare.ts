// How close an output is to its reference, and how close it has to be. The tolerances follow the artifact's arithmetic and are a
// promise to scripts: see docs/cli.md. Knows tensors alone.
import { DTYPES, isInteger } from '../base/dtype.js';
import { elementCount, elementReader, type HostTensor, shapeText, typedView } from '../base/tensor.js';

export interface Tolerance {
  /** fp32: elements near the reference. 16-bit: the same direction, the same winners. */
  readonly kind: 'elements' | 'cosine';
  /** Of each element's magnitude. */
  readonly relative: number;
  /** Of the output's largest magnitude. */
  readonly absolute: number;
  /** Least cosine, where `kind` is cosine. */
  readonly cosine: number;
  /** Share of integers that may differ. */
  readonly integers: number;
}

const FP32: Tolerance = { kind: 'elements', relative: 1e-3, absolute: 1e-4, cosine: -1, integers: 0 };
const NARROW: Tolerance = { kind: 'cosine', relative: 0, absolute: 0, cosine: 0.999, integers: 0.05 };
/** Below this nothing is told apart, whatever the scale. */
const FLOOR = 1e-7;

/** The tolerance for an artifact's precision, as its signature names it. */
export function toleranceOf(precision: string): Tolerance {
  return precision === 'fp32' ? FP32 : NARROW;
}

export interface Comparison {
  readonly equal: boolean;
  /** Why not, in one sentence. */
  readonly reason?: string;
  /** Largest difference of finite elements. */
  readonly maxError: number;
  /** Largest difference over what is allowed; above 1 fails, where elements are compared. */
  readonly worst: number;
  readonly cosine: number;
  /** Rows along the last axis whose largest element is at another place; undefined where there are no such rows. */
  readonly argMaxDiffers?: number;
  /** Elements that differ, of integers, bools and strings. */
  readonly differing?: number;
}

const EXACT: Comparison = { equal: true, maxError: 0, worst: 0, cosine: 1 };
const failed = (reason: string, more: Partial<Comparison> = {}): Comparison => ({
  ...EXACT,
  equal: false,
  reason,
  maxError: Number.NaN,
  worst: Number.POSITIVE_INFINITY,
  cosine: Number.NaN,
  ...more,
});

export function compareTensors(got: HostTensor, want: HostTensor, tolerance: Tolerance): Comparison {
  if (got.dtype !== want.dtype) return failed(`the elements are ${got.dtype}, not ${want.dtype}`);
  if (shapeText(got.shape) !== shapeText(want.shape)) {
    return failed(`the shape is ${shapeText(got.shape)}, not ${shapeText(want.shape)}`);
  }
  if (want.dtype === 'string') return compareExactly(want.strings ?? [], (i) => got.strings?.[i], 0);
  const { kind } = DTYPES[want.dtype];
  const [a, b] = [numbersOf(got), numbersOf(want)];
  if (isInteger(want.dtype) || kind === 'bool') return compareExactly(b, (i) => a[i], tolerance.integers);
  return compareFloats(a as ArrayLike<number>, b as ArrayLike<number>, want.shape, tolerance);
}

function numbersOf(t: HostTensor): ArrayLike<number | bigint> {
  const { kind } = DTYPES[t.dtype];
  if (kind === 'complex') return typedView(t);
  const read = elementReader(t);
  return Array.from({ length: elementCount(t.shape) }, (_, i) => read(i));
}

function compareExactly<T>(
  want: ArrayLike<T>,
  got: (index: number) => T | undefined,
  allowed: number,
): Comparison {
  let differing = 0;
  let maxError = 0;
  let first = -1;
  for (let i = 0; i < want.length; i++) {
    const [g, w] = [got(i), want[i]];
    if (g === w) continue;
    if (first < 0) first = i;
    differing++;
    maxError = Math.max(maxError, Math.abs(Number(g) - Number(w)) || 0);
  }
  const result = { ...EXACT, maxError, differing };
  if (differing <= allowed * want.length) return result;
  return {
    ...result,
    equal: false,
    worst: Number.POSITIVE_INFINITY,
    reason: `${differing} of ${want.length} elements differ, first element ${first}: ${got(first)}, not ${want[first]}`,
  };
}

function compareFloats(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  shape: readonly number[],
  tolerance: Tolerance,
): Comparison {
  let scale = 0;
  for (let i = 0; i < want.length; i++)
    if (Number.isFinite(want[i])) scale = Math.max(scale, Math.abs(want[i]!));
  let [dot, gg, ww, maxError, worst, worstAt] = [0, 0, 0, 0, 0, -1];
  for (let i = 0; i < want.length; i++) {
    const [g, w] = [got[i]!, want[i]!];
    if (!Number.isFinite(g) || !Number.isFinite(w)) {
      if (Object.is(g, w) || g === w) continue;
      return failed(`element ${i} is ${g}, not ${w}`);
    }
    const error = Math.abs(g - w);
    maxError = Math.max(maxError, error);
    const share = error / (tolerance.relative * Math.abs(w) + tolerance.absolute * scale + FLOOR);
    if (share > worst) [worst, worstAt] = [share, i];
    dot += g * w;
    gg += g * g;
    ww += w * w;
  }
  const cosine = gg === 0 && ww === 0 ? 1 : gg === 0 || ww === 0 ? 0 : dot / Math.sqrt(gg * ww);
  const argMaxDiffers = argMaxDifferences(got, want, shape);
  const result = {
    ...EXACT,
    maxError,
    worst: tolerance.kind === 'elements' ? worst : 0,
    cosine,
    ...(argMaxDiffers !== undefined && { argMaxDiffers }),
  };
  if (tolerance.kind === 'elements' && worst > 1) {
    return {
      ...result,
      equal: false,
      reason: `element ${worstAt} is ${got[worstAt]}, not ${want[worstAt]} (largest magnitude ${scale})`,
    };
  }
  if (tolerance.kind === 'cosine' && cosine < tolerance.cosine) {
    return { ...result, equal: false, reason: `the cosine is ${cosine}, below ${tolerance.cosine}` };
  }
  if (tolerance.kind === 'cosine' && isClasses(shape) && argMaxDiffers !== undefined && argMaxDiffers > 0) {
    return {
      ...result,
      equal: false,
      reason: `the largest element is at another place in ${argMaxDiffers} rows`,
    };
  }
  return result;
}

/** Whether the last axis are classes: one row of scores for each element of the batch. */
function isClasses(shape: readonly number[]): boolean {
  return shape.length === 2 || (shape.length === 1 && (shape[0] ?? 0) > 1);
}

function argMaxDifferences(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  shape: readonly number[],
): number | undefined {
  const columns = shape.at(-1) ?? 0;
  if (columns < 2) return undefined;
  let differ = 0;
  for (let row = 0; row < want.length; row += columns) {
    let [g, w] = [row, row];
    for (let i = row + 1; i < row + columns; i++) {
      if (got[i]! > got[g]!) g = i;
      if (want[i]! > want[w]!) w = i;
    }
    // Another place of the same value is as good.
    if (g !== w && want[g] !== want[w]) differ++;
  }
  return differ;
}
