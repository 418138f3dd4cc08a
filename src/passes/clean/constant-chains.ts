// Constants that follow one another: sums of sums, products of products, and the scales of both operands of a matrix product.
// One constant rounds once where two rounded twice, so results differ in the last place; hence not at the lowest level.
import type { Node, Value } from '../../ir/graph.js';
import { sameType } from '../../ir/type.js';
import type { GraphBuilder } from '../../ops/build.js';
import type { Rewriter } from '../../ops/rewrite.js';
import { dimsOf, isFloatValue, scalarOf, smallNumbers, variableAndConstant } from '../match.js';
import type { Pass } from '../pass.js';
import { applyRules, type Rule } from '../rules.js';

/** outer(inner(x, c), d) is `op` of x and the constant `merged` of c and d. */
interface Chain {
  readonly op: string;
  merged(b: GraphBuilder, c: Value, d: Value): Value;
}

const chain = (op: string, how: string, turned = false): Chain => ({
  op,
  merged: (b, c, d) => b.one(how, turned ? [d, c] : [c, d]),
});

/** By outer, then inner operator. */
const CHAINS: Readonly<Record<string, Readonly<Record<string, Chain>>>> = {
  add: { add: chain('add', 'add') },
  mul: { mul: chain('mul', 'mul'), div: chain('mul', 'div', true) },
  div: { mul: chain('mul', 'div'), div: chain('div', 'mul') },
};

/** Whether the constant is behind the operator, not before it: x / c, not c / x. */
const isBehind = (node: Node, c: Value): boolean => node.op !== 'div' || node.inputs[1] === c;

/** Merges two constants where that makes no larger constant and no infinity. Integers are not divided: that truncates. */
const mergedConstants: Rule = (node, rw) => {
  const [x, d] = variableAndConstant(node) ?? [];
  if (x === undefined || d === undefined || !isBehind(node, d) || smallNumbers(d) === undefined)
    return undefined;
  for (const [op, { op: made, merged }] of Object.entries(CHAINS[node.op] ?? {})) {
    const inner = rw.soleProducer(x, op);
    const [y, c] = (inner && variableAndConstant(inner)) ?? [];
    if (
      inner === undefined ||
      y === undefined ||
      c === undefined ||
      !isBehind(inner, c) ||
      smallNumbers(c) === undefined
    )
      continue;
    if ((node.op === 'div' || op === 'div') && !isFloatValue(x)) continue;
    const constant = merged(rw.builder, c, d);
    const grown = count(constant) > Math.max(count(c), count(d));
    if (grown || !Array.from(smallNumbers(constant) ?? [NaN]).every(Number.isFinite)) continue;
    return rw.builder.one(made, [y, constant]);
  }
  return undefined;
};

const count = (v: Value): number => (dimsOf(v) ?? []).reduce((n, d) => n * d, 1);

/** A scalar factor behind moves: the value without it, moved alike. */
function withoutScale(v: Value, rw: Rewriter): { readonly value: Value; readonly scale: Value } | undefined {
  if (rw.uses(v) !== 1) return undefined;
  const node = rw.producer(v);
  if (node?.op === 'mul') {
    const [x, c] = variableAndConstant(node) ?? [];
    const scalar = scalarOf(c);
    const same = x !== undefined && sameType(x.type, v.type);
    return same && scalar !== undefined
      ? { value: x, scale: rw.builder.scalar(x.type.dtype, scalar) }
      : undefined;
  }
  if (node?.op !== 'reshape' && node?.op !== 'transpose') return undefined;
  const inner = withoutScale(node.inputs[0] as Value, rw);
  return inner && { value: rw.builder.one(node.op, [inner.value], node.attrs), scale: inner.scale };
}

/** (a x) (b y) is ((a b) x) y: attention scales queries and keys, and one factor does. */
const mergedScales: Rule = (node, rw) => {
  const [x, y, ...bias] = node.inputs as readonly [Value, Value, ...Value[]];
  const [left, right] = [withoutScale(x, rw), withoutScale(y, rw)];
  if (left === undefined || right === undefined || !isFloatValue(x)) return undefined;
  const scale = rw.builder.one('mul', [left.scale, right.scale]);
  return rw.builder.one(
    'matmul',
    [rw.builder.one('mul', [left.value, scale]), right.value, ...bias],
    node.attrs,
  );
};

export const CONSTANT_CHAINS: Pass = {
  name: 'constant-chains',
  theme: 'clean',
  level: 2,
  doc: 'Constants that are added, or multiplied, one after the other become one (rounded once instead of twice); so do the scales of both operands of a product.',
  run: (graph, context) =>
    applyRules(graph, context, {
      add: [mergedConstants],
      mul: [mergedConstants],
      div: [mergedConstants],
      matmul: [mergedScales],
    }),
};
