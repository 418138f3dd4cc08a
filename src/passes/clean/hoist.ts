// Arithmetic moves up past reshapes, where it costs the same and can join the product or the convolution behind them: functions
// of one operand, constants that vary along one axis at most, and sums of equal reshapes.
import { constantOf, type Value } from '../../ir/graph.js';
import { sameType } from '../../ir/type.js';
import type { Rewriter } from '../../ops/rewrite.js';
import { OPERATORS } from '../../ops/table.js';
import { dimsOf, knownConstant, madeBy, range, scalarOf, vectorAlong } from '../match.js';
import type { Pass } from '../pass.js';
import { applyRules, forEach, mergeTables, type Rule } from '../rules.js';

/** The constant as an operand beside `source`, whose reshape it was one beside; undefined where there is no such thing. */
function reshapedConstant(
  c: Value,
  source: Value,
  shape: readonly number[],
  rw: Rewriter,
): Value | undefined {
  const scalar = scalarOf(c);
  if (scalar !== undefined && (dimsOf(c)?.length ?? 0) <= shape.length)
    return rw.builder.scalar(c.type.dtype, scalar);
  const from = dimsOf(source) ?? [];
  for (const axis of shape.keys()) {
    const before = sameAxis(shape, axis, from);
    const vector = before < 0 || shape[axis] === 1 ? undefined : vectorAlong(rw.builder, c, shape, axis);
    if (vector === undefined) continue;
    return rw.builder.one('reshape', [vector], {
      shape: [shape[axis] ?? 1, ...range(from.length - 1 - before).map(() => 1)],
    });
  }
  return undefined;
}

/** The axis of the other shape with the same size and as many elements behind it; -1 where there is none. */
function sameAxis(shape: readonly number[], axis: number, other: readonly number[]): number {
  const behind = (dims: readonly number[], i: number): number => dims.slice(i + 1).reduce((n, d) => n * d, 1);
  return other.findIndex((d, i) => d === shape[axis] && behind(other, i) === behind(shape, axis));
}

const aboveReshape: Rule = (node, rw) => {
  const variables = node.inputs.filter((v) => constantOf(v) === undefined);
  const inner = madeBy(variables[0], 'reshape');
  const source = inner?.inputs[0];
  const shape = dimsOf(node.outputs[0]);
  if (inner === undefined || source === undefined || shape === undefined || dimsOf(source) === undefined)
    return undefined;
  const [reshaped] = inner.outputs as readonly [Value];
  // The result has the reshape's shape: nothing else widens it.
  if (!sameShape(reshaped, node.outputs[0] as Value)) return undefined;
  const sole = variables.every((v) => rw.uses(v) === variables.filter((w) => w === v).length);
  if (!sole || !variables.every((v) => isLike(v, source))) return undefined;
  const operands: Value[] = [];
  for (const v of node.inputs) {
    const operand =
      knownConstant(v) === undefined
        ? madeBy(v, 'reshape')?.inputs[0]
        : reshapedConstant(v, source, shape, rw);
    if (operand === undefined) return undefined;
    operands.push(operand);
  }
  const made = rw.builder.one(node.op, operands, node.attrs);
  return rw.builder.one('reshape', [made], { shape });
};

/** Whether the value is a reshape of something of the source's shape. */
function isLike(v: Value, source: Value): boolean {
  const from = madeBy(v, 'reshape')?.inputs[0];
  return from !== undefined && sameShape(from, source);
}

function sameShape(a: Value, b: Value): boolean {
  return sameType({ ...a.type, dtype: 'f32' }, { ...b.type, dtype: 'f32' });
}

/** (reshape x) W is reshape (x W), where the reshape leaves the rows of x alone. */
const belowProduct: Rule = (node, rw) => {
  const [a, w, ...bias] = node.inputs as readonly [Value, Value, ...Value[]];
  const x = madeBy(a, 'reshape')?.inputs[0];
  const [from, to, out] = [dimsOf(x), dimsOf(a), dimsOf(node.outputs[0])];
  if (
    x === undefined ||
    from === undefined ||
    to === undefined ||
    out === undefined ||
    dimsOf(w)?.length !== 2
  )
    return undefined;
  if (from.length < 2 || from.at(-1) !== to.at(-1)) return undefined;
  return rw.builder.one('reshape', [rw.builder.one('matmul', [x, w, ...bias], node.attrs)], { shape: out });
};

/** Of casts it is not clear on which side they are cheaper, and comparisons join nothing. */
function hoisted({ name, family }: { name: string; family: string }): boolean {
  return (
    family === 'elementwise' &&
    !['cast', 'bitcast', 'where', 'eq', 'ne', 'lt', 'le', 'gt', 'ge'].includes(name)
  );
}

export const HOIST: Pass = {
  name: 'hoist',
  theme: 'clean',
  level: 1,
  doc: 'Elementwise operators move up past reshapes and products of reshaped rows do, towards what can take them in.',
  run: (graph, context) =>
    applyRules(
      graph,
      context,
      mergeTables(
        { matmul: [belowProduct] },
        forEach(
          [...OPERATORS.values()].filter(hoisted).map((d) => d.name),
          aboveReshape,
        ),
      ),
    ),
};
