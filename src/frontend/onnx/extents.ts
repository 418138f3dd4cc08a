// Arithmetic on dims that are symbolic: what exporters compute from Shape before a Reshape or an Expand. Results that turn
// out to be integers are constants again. An operator that is not here needs numbers and says so.
import { addDims, type Dim, floorDivideDim, multiplyDims, subtractDims } from '../../ir/dim.js';
import type { NodeContext } from './context.js';
import { cut } from './cut.js';
import { type Extents, type Item, isValue } from './items.js';

/** Dims and whether they are a scalar; undefined for what is computed at run time. */
function extentsAt(c: NodeContext, index: number): Extents | undefined {
  const item = c.operands[index];
  if (item === undefined) return undefined;
  if (!isValue(item)) return item.kind === 'extents' ? item : undefined;
  const dims = c.rank(item) > 1 ? undefined : c.known(item);
  return dims && { kind: 'extents', dims, isScalar: c.rank(item) === 0 };
}

/** A constant where all dims are integers. */
export function extentsOf(c: NodeContext, dims: readonly Dim[], isScalar: boolean): Item {
  if (!dims.every((d) => typeof d === 'number')) return { kind: 'extents', dims, isScalar };
  return isScalar ? c.scalar('i64', dims[0] ?? 1) : c.ints(dims);
}

type Rule = (c: NodeContext, x: Extents) => Item | undefined;

const elementwise =
  (combine: (a: Dim, b: Dim) => Dim | undefined): Rule =>
  (c) => {
    const [a, b] = [extentsAt(c, 0), extentsAt(c, 1)];
    if (a === undefined || b === undefined) return undefined;
    const count = Math.max(a.dims.length, b.dims.length);
    const at = ({ dims }: Extents, i: number) => dims[dims.length === 1 ? 0 : i];
    const results = Array.from({ length: count }, (_, i) => {
      const [p, q] = [at(a, i), at(b, i)];
      return p === undefined || q === undefined ? undefined : combine(p, q);
    });
    const dims = results.flatMap((d) => (d === undefined ? [] : [d]));
    return dims.length < count ? undefined : extentsOf(c, dims, a.isScalar && b.isScalar);
  };

/** Dims are not negative, so that no symbol is the -1 that exporters compare with. */
const equal: Rule = (c) => {
  const [a, b] = [extentsAt(c, 0), extentsAt(c, 1)];
  if (a === undefined || b === undefined || a.dims.length !== b.dims.length) return undefined;
  const isNegative = (d: Dim | undefined) => typeof d === 'number' && d < 0;
  const results = a.dims.map((p, i) => {
    const q = b.dims[i];
    if (p === q) return 1;
    return (typeof p === 'number' && typeof q === 'number') || isNegative(p) || isNegative(q) ? 0 : undefined;
  });
  if (results.includes(undefined)) return undefined;
  return c.numbers('bool', a.isScalar ? [] : [results.length], results as readonly number[]);
};

const where: Rule = (c) => {
  const choices = c.known(c.input(0));
  const [a, b] = [extentsAt(c, 1), extentsAt(c, 2)];
  if (choices === undefined || a === undefined || b === undefined) return undefined;
  const dims = choices.flatMap((choice, i) => (choice !== 0 ? a : b).dims[i] ?? []);
  return dims.length < choices.length ? undefined : extentsOf(c, dims, a.isScalar && b.isScalar);
};

const same: Rule = (_c, x) => x;

const gather: Rule = (c, x) => {
  const index = c.known(c.input(1));
  const dims = index?.map((i) => x.dims[i < 0 ? i + x.dims.length : i]);
  if (dims === undefined || c.rank(c.input(1)) > 1 || !dims.every((d) => d !== undefined)) return undefined;
  return extentsOf(c, dims as readonly Dim[], c.rank(c.input(1)) === 0);
};

const slice: Rule = (c, x) => {
  const isOld = c.version < 10;
  const bound = (name: string, index: number, fallback: number) =>
    (isOld ? c.attributes.ints(name, [fallback]) : c.knownInts(index, `'${name}'`))?.[0] ?? fallback;
  const { start, size, step } = cut(
    x.dims.length,
    bound('starts', 1, 0),
    bound('ends', 2, 0),
    isOld ? 1 : bound('steps', 4, 1),
  );
  return extentsOf(
    c,
    Array.from({ length: size }, (_, i) => x.dims[start + i * step] as Dim),
    false,
  );
};

const concat: Rule = (c) => {
  const parts = c.operands.map((_, i) => extentsAt(c, i));
  if (!parts.every((part) => part !== undefined && !part.isScalar)) return undefined;
  return extentsOf(
    c,
    parts.flatMap((part) => part?.dims ?? []),
    false,
  );
};

/** Between a scalar and a vector of one element. */
const reshaped =
  (isScalar: boolean): Rule =>
  (c, x) =>
    x.dims.length === 1 ? extentsOf(c, x.dims, isScalar) : undefined;

/** A vector stays one, or becomes a scalar. */
const reshape: Rule = (c, x) => {
  const target = c.knownInts(1, 'the target shape') ?? [];
  const isVector = target.length === 1 && (target[0] === -1 || target[0] === x.dims.length);
  if (isVector) return extentsOf(c, x.dims, false);
  return target.length === 0 ? reshaped(true)(c, x) : undefined;
};

/** Of an operand that is dims. */
const RULES: Readonly<Record<string, Rule>> = {
  Cast: same,
  Gather: gather,
  Identity: same,
  ReduceProd: (c, x) => extentsOf(c, [x.dims.reduce(multiplyDims, 1)], !c.attributes.flag('keepdims', true)),
  Reshape: reshape,
  Shape: (c, x) => c.ints(x.isScalar ? [] : [x.dims.length]),
  Slice: slice,
  Squeeze: reshaped(true),
  Unsqueeze: reshaped(false),
};

/** Of operands any of which may be dims. */
const JOINT: Readonly<Record<string, Rule>> = {
  Add: elementwise(addDims),
  Concat: concat,
  // Dims are not negative, so that truncation is rounding down.
  Div: elementwise((a, b) => (typeof b === 'number' && b > 0 ? floorDivideDim(a, b) : undefined)),
  Equal: equal,
  Mul: elementwise(multiplyDims),
  Sub: elementwise(subtractDims),
  Where: where,
};
const NONE: Extents = { kind: 'extents', dims: [], isScalar: false };

/** The result of an operator of ai.onnx on dims of which some are symbolic; undefined where it has no such result. */
export function onExtents(c: NodeContext): Item | undefined {
  if (c.node.domain !== '') return undefined;
  const symbolic = c.operands.map((item) => item !== undefined && !isValue(item) && item.kind === 'extents');
  const x = extentsAt(c, 0);
  if (symbolic[0] && x !== undefined) return (RULES[c.node.opType] ?? JOINT[c.node.opType])?.(c, x);
  return symbolic.includes(true) ? JOINT[c.node.opType]?.(c, x ?? NONE) : undefined;
}

/** The dims that a shape operand asks for: numbers or symbols. */
export function shapeOperand(c: NodeContext, index: number): readonly Dim[] | undefined {
  const item = c.operands[index];
  return item === undefined || isValue(item) || item.kind !== 'extents' ? undefined : item.dims;
}
