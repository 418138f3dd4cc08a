// Einstein sums as products of matrices: operands are joined two at a time; axes that only one of them has and nobody else
// wants are summed first, common axes that stay become batch axes, common axes that go become the inner axis.
import { badInput } from '../../../base/diagnostic.js';
import type { Value } from '../../../ir/graph.js';
import { elementCount } from '../../../ir/type.js';
import type { Lowering } from '../lower/lowering.js';
import { shapeOf } from '../lower/views.js';

/** A value whose axes carry labels, each once. */
interface Labelled {
  readonly value: Value;
  readonly labels: readonly string[];
}

const malformed = (equation: string, why: string) =>
  badInput('E3371', `the einsum '${equation}' is malformed: ${why}`);

export function einsum(c: Lowering, equation: string, values: readonly Value[]): Value {
  const compact = equation.replaceAll(' ', '');
  const [left = '', right] = compact.split('->');
  const terms = left.split(',');
  if (terms.length !== values.length)
    throw malformed(equation, `it has ${terms.length} operands, not ${values.length}`);
  const rank = Math.max(0, ...terms.map((t, i) => ellipsisRank(t, shapeOf(values[i] as Value).length)));
  const labelled = terms.map((term, i) =>
    diagonal(c, equation, values[i] as Value, labelsOf(term, shapeOf(values[i] as Value).length, rank)),
  );
  const all = labelled.flatMap((x) => x.labels);
  const output = right === undefined ? implicitOutput(terms, rank) : expandOutput(right, rank);
  for (const label of output)
    if (!all.includes(label)) throw malformed(equation, `no operand has the axis ${label}`);
  let [joined] = labelled as [Labelled];
  for (const [i, next] of labelled.entries()) {
    if (i === 0) continue;
    const later = new Set([...labelled.slice(i + 1).flatMap((x) => x.labels), ...output]);
    joined = join(c, joined, next, later);
  }
  const summed = sumOut(c, joined, new Set(output));
  return align(c, summed, output).value;
}

function ellipsisRank(term: string, rank: number): number {
  return term.includes('...') ? rank - (term.length - 3) : 0;
}

/** Labels of a term; axes of the ellipsis are numbered from the right. */
function labelsOf(term: string, rank: number, ellipsis: number): string[] {
  const own = ellipsisRank(term, rank);
  const dots = Array.from({ length: own }, (_, i) => `.${ellipsis - own + i}`);
  const [head = '', tail] = term.split('...');
  return tail === undefined ? [...head] : [...head, ...dots, ...tail];
}

const expandOutput = (term: string, ellipsis: number): string[] =>
  labelsOf(term, term.includes('...') ? term.length - 3 + ellipsis : term.length, ellipsis);

/** Without an arrow: the ellipsis, then the labels that occur once, in alphabetical order. */
function implicitOutput(terms: readonly string[], ellipsis: number): string[] {
  const letters = [...terms.join('').replaceAll('.', '')];
  const once = letters.filter((l) => letters.filter((m) => m === l).length === 1).sort();
  return [...Array.from({ length: ellipsis }, (_, i) => `.${i}`), ...once];
}

/** A label that occurs twice in a term takes the diagonal. */
function diagonal(c: Lowering, equation: string, value: Value, labels: readonly string[]): Labelled {
  if (labels.length !== shapeOf(value).length)
    throw malformed(equation, `an operand of ${shapeOf(value).length} axes has ${labels.length} labels`);
  const again = labels.findIndex((l, i) => labels.indexOf(l) < i);
  if (again < 0) return { value, labels };
  const first = labels.indexOf(labels[again] as string);
  const shape = shapeOf(value);
  const n = shape[first] ?? 1;
  const rest = [...shape.keys()].filter((axis) => axis !== first && axis !== again);
  const moved = c.transpose(value, [first, again, ...rest]);
  const flat = c.reshape(moved, [n * n, ...rest.map((axis) => shape[axis] ?? 1)]);
  const picked = c.one('slice', [flat], {
    starts: [0, ...rest.map(() => 0)],
    sizes: [n, ...rest.map((axis) => shape[axis] ?? 1)],
    steps: [n + 1, ...rest.map(() => 1)],
  });
  return diagonal(c, equation, picked, [
    labels[first] as string,
    ...rest.map((axis) => labels[axis] as string),
  ]);
}

function sumOut(c: Lowering, x: Labelled, kept: ReadonlySet<string>): Labelled {
  const axes = [...x.labels.keys()].filter((i) => !kept.has(x.labels[i] as string));
  if (axes.length === 0) return x;
  return {
    value: c.one('reduce_sum', [x.value], { axes, keep: false }),
    labels: x.labels.filter((l) => kept.has(l)),
  };
}

/** Axes in the order of `labels`, which are all of its labels. */
function align(c: Lowering, x: Labelled, labels: readonly string[]): Labelled {
  return {
    value: c.transpose(
      x.value,
      labels.map((l) => x.labels.indexOf(l)),
    ),
    labels,
  };
}

function join(c: Lowering, a: Labelled, b: Labelled, later: ReadonlySet<string>): Labelled {
  const left = sumOut(c, a, new Set([...b.labels, ...later]));
  const right = sumOut(c, b, new Set([...left.labels, ...later]));
  const common = left.labels.filter((l) => right.labels.includes(l));
  const batch = common.filter((l) => later.has(l));
  const inner = common.filter((l) => !later.has(l));
  const rows = left.labels.filter((l) => !common.includes(l));
  const columns = right.labels.filter((l) => !common.includes(l));
  const size = (x: Labelled, l: string): number => shapeOf(x.value)[x.labels.indexOf(l)] ?? 1;
  const either = (l: string): number => Math.max(size(left, l), size(right, l));
  const labels = [...batch, ...rows, ...columns];
  if (inner.length === 0) {
    const p = c.reshape(align(c, left, [...batch, ...rows]).value, [
      ...batch.map((l) => size(left, l)),
      ...rows.map((l) => size(left, l)),
      ...columns.map(() => 1),
    ]);
    const q = c.reshape(align(c, right, [...batch, ...columns]).value, [
      ...batch.map((l) => size(right, l)),
      ...rows.map(() => 1),
      ...columns.map((l) => size(right, l)),
    ]);
    return { value: c.one('mul', [p, q]), labels };
  }
  const depth = elementCount(inner.map(either));
  const spread = (x: Labelled, order: readonly string[], shape: readonly number[]): Value => {
    const aligned = align(c, x, order).value;
    const full = order.map((l) => (inner.includes(l) ? either(l) : size(x, l)));
    return c.reshape(c.broadcast(aligned, full), shape);
  };
  const m = elementCount(rows.map((l) => size(left, l)));
  const n = elementCount(columns.map((l) => size(right, l)));
  const p = spread(left, [...batch, ...rows, ...inner], [...batch.map((l) => size(left, l)), m, depth]);
  const q = spread(right, [...batch, ...inner, ...columns], [...batch.map((l) => size(right, l)), depth, n]);
  const product = c.one('matmul', [p, q]);
  const shape = [
    ...batch.map(either),
    ...rows.map((l) => size(left, l)),
    ...columns.map((l) => size(right, l)),
  ];
  return { value: c.reshape(product, shape), labels };
}
