// Looking at operands: what rules of all themes ask about values. Pure questions, and constants in another form.
import { isFloat } from '../base/dtype.js';
import { elementCount } from '../base/tensor.js';
import type { Attr, Attrs, Constant } from '../ir/constant.js';
import { constantOf, type Node, producer, type Region, type Value } from '../ir/graph.js';
import { staticShape } from '../ir/type.js';
import type { GraphBuilder } from '../ops/build.js';
import { constantNumbers } from '../ops/evaluate.js';
import type { Rewriter } from '../ops/rewrite.js';

/** Constants of more elements are not looked into. */
const SEARCHED_ELEMENTS = 65536;

/** The constant behind a value, where its bytes are at hand. */
export function knownConstant(v: Value | undefined): Constant | undefined {
  const c = v && constantOf(v);
  return c?.recipe.kind === 'opaque' || c?.dtype === 'string' ? undefined : c;
}

/** The number that every element of a constant is, for one element or a splat; undefined for all other values. */
export function scalarOf(v: Value | undefined): number | undefined {
  const c = knownConstant(v);
  if (c === undefined) return undefined;
  if (c.recipe.kind === 'splat') return constantNumbers({ ...c, shape: [] })[0];
  return elementCount(c.shape) === 1 ? constantNumbers(c)[0] : undefined;
}

/** Elements of a constant that is small enough to look into; one element of a splat. */
export function smallNumbers(v: Value | undefined): ArrayLike<number> | undefined {
  const scalar = scalarOf(v);
  if (scalar !== undefined) return [scalar];
  const c = knownConstant(v);
  return c !== undefined && elementCount(c.shape) <= SEARCHED_ELEMENTS ? constantNumbers(c) : undefined;
}

/** Both orders of the operands of a node with two. */
export function bothWays(node: Node): readonly (readonly [Value, Value])[] {
  const [a, b] = node.inputs;
  if (a === undefined || b === undefined) return [];
  return a === b
    ? [[a, b]]
    : [
        [a, b],
        [b, a],
      ];
}

/** The variable and the constant operand of a node with two, where exactly one is a constant. */
export function variableAndConstant(node: Node): readonly [x: Value, c: Value] | undefined {
  const [a, b] = node.inputs;
  if (a === undefined || b === undefined) return undefined;
  const [ca, cb] = [knownConstant(a), knownConstant(b)];
  if (ca === undefined && cb !== undefined && constantOf(a) === undefined) return [a, b];
  if (ca !== undefined && cb === undefined && constantOf(b) === undefined) return [b, a];
  return undefined;
}

/** The producer of a value where it has this operator. */
export function madeBy(v: Value | undefined, op: string): Node | undefined {
  const node = v && producer(v);
  return node?.op === op ? node : undefined;
}

export function isFloatValue(v: Value): boolean {
  return isFloat(v.type.dtype);
}

/** Static dims; undefined for a symbolic shape. */
export function dimsOf(v: Value | undefined): readonly number[] | undefined {
  return v && staticShape(v.type);
}

export function sameDims(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

export const range = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i);

/** A scalar constant of the value's type. */
export function scalarLike(rw: Rewriter, x: Value, value: number): Value {
  return rw.builder.scalar(x.type.dtype, value);
}

/**
 * A constant that broadcasts against `shape` and varies along `axis` at most, as the vector along that axis; undefined where
 * it varies along others or widens the shape.
 */
export function vectorAlong(
  b: GraphBuilder,
  c: Value,
  shape: readonly number[],
  axis: number,
): Value | undefined {
  const own = dimsOf(c);
  const size = shape[axis] ?? 1;
  if (own === undefined || own.length > shape.length || knownConstant(c) === undefined) return undefined;
  const lead = shape.length - own.length;
  const scalar = scalarOf(c);
  if (scalar !== undefined && own.every((d, i) => d === 1 || d === shape[i + lead]))
    return b.one('broadcast', [b.scalar(c.type.dtype, scalar)], { shape: [size] });
  if (!own.every((d, i) => d === 1 || (i + lead === axis && d === size))) return undefined;
  return b.one('broadcast', [b.one('reshape', [c], { shape: [elementCount(own)] })], { shape: [size] });
}

/** The constant with axes of 1 put before it, so that it has this rank. */
export function withRank(b: GraphBuilder, c: Value, rank: number): Value {
  const own = dimsOf(c) ?? [];
  return b.one('reshape', [c], { shape: [...range(rank - own.length).map(() => 1), ...own] });
}

/** Nodes of a region and of those inside it. */
export function nodeCount(region: Region): number {
  return region.nodes.reduce((n, node) => n + 1 + node.regions.reduce((m, r) => m + nodeCount(r), 0), 0);
}

/** These attributes of a node, for another node. */
export function picked(attrs: Attrs, ...names: readonly string[]): Attrs {
  return Object.fromEntries(names.map((name): [string, Attr] => [name, attrs[name] as Attr]));
}
