// Arithmetic on dims that are symbolic: what exporters compute from Shape before a Reshape or an Expand. Results that turn
// out to be integers are constants again. An operator that is not here needs numbers and says so.
import { addDims, type Dim, floorDivideDim, multiplyDims, subtractDims } from '../../ir/dim.js';
import type { NodeContext } from './context.js';
import { cut } from './handlers/shape.js';
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

const RULES: Readonly<Record<string, Rule>> = {
  Add: elementwise(addDims),
  Cast: same,
  Concat: concat,
  // Dims are not negative, so that truncation is rounding down.
  Div: elementwise((a, b) => (typeof b === 'number' && b > 0 ? floorDivideDim(a, b) : undefined)),
  Gather: gather,
  Identity: same,
  Mul: elementwise(multiplyDims),
  ReduceProd: (c, x) => extentsOf(c, [x.dims.reduce(multiplyDims, 1)], !c.attributes.flag('keepdims', true)),
  Slice: slice,
  Squeeze: reshaped(true),
  Sub: elementwise(subtractDims),
  Unsqueeze: reshaped(false),
};

/** The result of an operator of ai.onnx on dims of which some are symbolic; undefined where it has no such result. */
export function onExtents(c: NodeContext): Item | undefined {
  if (c.node.domain !== '') return undefined;
  const first = c.operands.findIndex(
    (item) => item !== undefined && !isValue(item) && item.kind === 'extents',
  );
  const x = first < 0 ? undefined : extentsAt(c, 0);
  return x && RULES[c.node.opType]?.(c, x);
}

/** The dims that a shape operand asks for: numbers or symbols. */
export function shapeOperand(c: NodeContext, index: number): readonly Dim[] | undefined {
  const item = c.operands[index];
  return item === undefined || isValue(item) || item.kind !== 'extents' ? undefined : item.dims;
}
