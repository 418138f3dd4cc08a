// Buckets: one artifact for several sets of input shapes. Here: which sets the shapes given for inputs make.
import { type Diagnostic, usageError } from '../base/diagnostic.js';
import type { DType } from '../base/dtype.js';
import { elementCount } from '../base/tensor.js';
import type { InputShapes } from './load-model.js';

/** The shapes that a model is compiled for in one of its buckets. */
export interface ShapeBucket {
  /** Empty where there is one set of shapes. */
  readonly name: string;
  readonly inputShapes: InputShapes;
}

/** Shapes given for an input; several make buckets. */
export interface ShapesOfInput {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  readonly dtype?: DType;
}

/**
 * Bucket k takes the k-th shape of every input that has several; the others have the same shape in all. Ascending by size.
 * @throws E2002 inputs with different numbers of shapes, ranks that differ, equal buckets
 */
export function shapeBuckets(given: readonly ShapesOfInput[]): readonly ShapeBucket[] {
  const several = given.filter((g) => g.shapes.length > 1);
  const count = several[0]?.shapes.length ?? 1;
  for (const { name, shapes } of several) {
    if (shapes.length !== count)
      throw usageError(
        'E2002',
        `--input-shape gives ${count} shapes of ${several[0]?.name} and ${shapes.length} of ${name}`,
        undefined,
        'bucket k takes the k-th shape of each input: give as many for each',
      );
    if (shapes.some((s) => s.length !== shapes[0]?.length))
      throw usageError(
        'E2002',
        `--input-shape ${name}: the shapes of buckets have different numbers of dims`,
      );
  }
  const buckets = Array.from({ length: count }, (_, k) => bucketOf(given, several, k));
  buckets.sort((a, b) => a.elements - b.elements || (a.name < b.name ? -1 : 1));
  const twice = buckets.find((b, i) => i > 0 && b.name === buckets[i - 1]?.name);
  if (twice !== undefined) throw usageError('E2002', `--input-shape gives the bucket ${twice.name} twice`);
  return buckets.map(({ name, inputShapes }) => ({ name, inputShapes }));
}

function bucketOf(given: readonly ShapesOfInput[], several: readonly ShapesOfInput[], k: number) {
  const shapeOf = ({ shapes }: ShapesOfInput): readonly number[] => shapes[shapes.length > 1 ? k : 0] ?? [];
  return {
    name: several.map((g) => shapeOf(g).join('x')).join('+'),
    elements: several.reduce((n, g) => n + elementCount(shapeOf(g)), 0),
    inputShapes: new Map(
      given.map((g) => [g.name, { shape: shapeOf(g), ...(g.dtype !== undefined && { dtype: g.dtype }) }]),
    ),
  };
}

/** Without repetitions: the buckets of a model warn of the same. */
export function distinctWarnings(warnings: readonly Diagnostic[]): Diagnostic[] {
  return [...new Map(warnings.map((w) => [JSON.stringify(w), w])).values()];
}
