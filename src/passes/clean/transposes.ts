// Transposes sink: below elementwise operators, concatenations, slices and padding, until they meet another one and merge (the
// builder does that) or an operator that has to have its axes so. A transpose that moves only axes of one element is a reshape.
// None is made that was not there.
import { constantOf, type Node, type Value } from '../../ir/graph.js';
import type { Rewriter } from '../../ops/rewrite.js';
import { OPERATORS } from '../../ops/table.js';
import { dimsOf, knownConstant, madeBy, sameDims, withRank } from '../match.js';
import type { Pass } from '../pass.js';
import { applyRules, forEach, mergeTables, type Rule } from '../rules.js';

const permOf = (node: Node): readonly number[] => node.attrs.perm as readonly number[];
const inverse = (perm: readonly number[]): number[] => perm.map((_, i) => perm.indexOf(i));
const permuted = <T>(list: readonly T[], perm: readonly number[]): T[] => perm.map((axis) => list[axis] as T);

/** A list by axes of the transpose's result, as one by axes of its operand. */
const before = <T>(list: readonly T[], perm: readonly number[]): T[] => permuted(list, inverse(perm));

const asReshape: Rule = (node, rw) => {
  const shape = dimsOf(node.inputs[0]);
  const to = dimsOf(node.outputs[0]);
  if (shape === undefined || to === undefined) return undefined;
  const kept = permOf(node).filter((axis) => shape[axis] !== 1);
  return kept.every((axis, i) => i === 0 || axis > (kept[i - 1] ?? 0))
    ? rw.builder.one('reshape', node.inputs, { shape: to })
    : undefined;
};

/** Whether the value is a constant whose bytes are at hand, or transposed so. */
function fits(v: Value, perm: readonly number[]): boolean {
  if (constantOf(v) !== undefined) return knownConstant(v) !== undefined;
  const node = madeBy(v, 'transpose');
  return node !== undefined && sameDims(permOf(node), perm);
}

/** The operand of the transpose that makes `v`; a constant turned to fit there. */
function untransposed(v: Value, perm: readonly number[], rw: Rewriter): Value {
  if (constantOf(v) === undefined) return madeBy(v, 'transpose')?.inputs[0] ?? v;
  const shape = dimsOf(v) ?? [];
  if (shape.every((d) => d === 1)) return rw.builder.one('reshape', [v], { shape: [] });
  return rw.builder.one('transpose', [withRank(rw.builder, v, perm.length)], { perm: inverse(perm) });
}

/** f(transpose x, transpose y, constant) is transpose f(x, y, …), where that leaves no more transposes than there were. */
const throughElementwise: Rule = (node, rw) => {
  const rank = node.outputs[0]?.type.shape.length ?? 0;
  const variables = node.inputs.filter((v) => constantOf(v) === undefined);
  const first = madeBy(variables[0], 'transpose');
  if (first === undefined || permOf(first).length !== rank) return undefined;
  const perm = permOf(first);
  if (!variables.some((v) => rw.uses(v) === variables.filter((w) => w === v).length)) return undefined;
  if (!node.inputs.every((v) => fits(v, perm))) return undefined;
  const operands = node.inputs.map((v) => untransposed(v, perm, rw));
  return rw.builder.one('transpose', rw.builder.node(node.op, operands, node.attrs), { perm });
};

/** op(transpose x) by axes of the result is transpose op(x) by axes of the operand. */
const throughAxes =
  (lists: readonly string[]): Rule =>
  (node, rw) => {
    const inner = rw.soleProducer(node.inputs[0] as Value, 'transpose');
    if (inner === undefined) return undefined;
    const perm = permOf(inner);
    const turned = Object.fromEntries(
      lists.map((name) => [name, before(node.attrs[name] as readonly number[], perm)]),
    );
    const made = rw.builder.one(node.op, inner.inputs, { ...node.attrs, ...turned });
    return rw.builder.one('transpose', [made], { perm });
  };

const throughConcat: Rule = (node, rw) => {
  const first = madeBy(node.inputs[0], 'transpose');
  if (first === undefined) return undefined;
  const perm = permOf(first);
  if (!node.inputs.every((v) => constantOf(v) === undefined && rw.uses(v) === 1 && fits(v, perm)))
    return undefined;
  const parts = node.inputs.map((v) => madeBy(v, 'transpose')?.inputs[0] as Value);
  const made = rw.builder.one('concat', parts, { axis: perm[Number(node.attrs.axis)] ?? 0 });
  return rw.builder.one('transpose', [made], { perm });
};

/** A reduction of a transpose needs none where the axes that are left keep their order. */
const throughReduction: Rule = (node, rw) => {
  const inner = madeBy(node.inputs[0], 'transpose');
  const shape = dimsOf(node.outputs[0]);
  if (inner === undefined || shape === undefined) return undefined;
  const perm = permOf(inner);
  const axes = (node.attrs.axes as readonly number[]).map((axis) => perm[axis] ?? 0);
  const left = perm.filter((axis) => !axes.includes(axis));
  if (left.some((axis, i) => i > 0 && axis < (left[i - 1] ?? 0))) return undefined;
  const made = rw.builder.one(node.op, inner.inputs, {
    ...node.attrs,
    axes: axes.sort((a, b) => a - b),
    keep: true,
  });
  return rw.builder.one('reshape', [made], { shape });
};

const ELEMENTWISE = [...OPERATORS.values()]
  .filter((d) => d.family === 'elementwise' && d.name !== 'cast' && d.name !== 'bitcast')
  .map((d) => d.name);
const REDUCTIONS = ['reduce_sum', 'reduce_mean', 'reduce_max', 'reduce_min', 'reduce_prod'];

const RULES = mergeTables(
  {
    transpose: [asReshape],
    slice: [throughAxes(['starts', 'sizes', 'steps'])],
    pad: [throughAxes(['low', 'high'])],
    concat: [throughConcat],
  },
  forEach(ELEMENTWISE, throughElementwise),
  forEach(REDUCTIONS, throughReduction),
);

export const TRANSPOSES: Pass = {
  name: 'transposes',
  theme: 'clean',
  level: 1,
  doc: 'Transposes sink below elementwise operators, slices, padding and concatenations until they cancel; those of axes of one element become reshapes.',
  run: (graph, context) => applyRules(graph, context, RULES),
};
