// Parts of tensors: slices of slices, of concatenations and by constant indices; concatenations of concatenations and of
// neighbouring slices; padding that the next operator does itself.
import { constantOf, type Node, type Value } from '../../ir/graph.js';
import { sameType } from '../../ir/type.js';
import type { Rewriter } from '../../ops/rewrite.js';
import {
  dimsOf,
  isFloatValue,
  madeBy,
  sameDims,
  scalarOf,
  smallNumbers,
  variableAndConstant,
} from '../match.js';
import type { Pass } from '../pass.js';
import { applyRules, type Rule } from '../rules.js';
import { slice, sliceOf, sliceOfConcat, sliceOfSlice } from '../slices.js';

const ints = (node: Node, name: string): readonly number[] => node.attrs[name] as readonly number[];
const first = (node: Node): Value => node.inputs[0] as Value;

/** Operands of concatenations along the same axis, and neighbouring slices of one value, become operands and one slice. */
const concatOfParts: Rule = (node, rw) => {
  const axis = Number(node.attrs.axis);
  const parts: Value[] = [];
  for (const v of node.inputs) {
    const inner = rw.soleProducer(v, 'concat');
    const own = inner !== undefined && inner.attrs.axis === axis ? inner.inputs : [v];
    for (const part of own) {
      if (dimsOf(part)?.[axis] === 0) continue;
      const joined = neighbours(parts.at(-1), part, axis, rw);
      if (joined === undefined) parts.push(part);
      else parts[parts.length - 1] = joined;
    }
  }
  const changed = parts.length !== node.inputs.length || parts.some((v, i) => v !== node.inputs[i]);
  return changed && parts.length > 0 ? rw.builder.one('concat', parts, { axis }) : undefined;
};

/** The slice that two slices of one value make, where the second goes on along the axis where the first ends. */
function neighbours(a: Value | undefined, b: Value, axis: number, rw: Rewriter): Value | undefined {
  const [left, right] = [madeBy(a, 'slice'), madeBy(b, 'slice')];
  if (left === undefined || right === undefined || first(left) !== first(right)) return undefined;
  const [s, t] = [sliceOf(left), sliceOf(right)];
  const step = s.steps[axis] ?? 1;
  const next = (s.starts[axis] ?? 0) + (s.sizes[axis] ?? 0) * step;
  const others = (list: readonly number[]): number[] => list.toSpliced(axis, 1);
  const alike =
    sameDims(s.steps, t.steps) &&
    sameDims(others(s.starts), others(t.starts)) &&
    sameDims(others(s.sizes), others(t.sizes));
  if (!alike || t.starts[axis] !== next || dimsOf(a) === undefined) return undefined;
  return slice(rw, first(left), {
    ...s,
    sizes: s.sizes.with(axis, (s.sizes[axis] ?? 0) + (t.sizes[axis] ?? 0)),
  });
}

/** Constant indices at equal distances are a slice. */
const gatherOfSteps: Rule = (node, rw) => {
  const [x, index] = node.inputs as readonly [Value, Value];
  const shape = dimsOf(x);
  const out = dimsOf(node.outputs[0]);
  const indices =
    constantOf(index) && (dimsOf(index)?.reduce((n, d) => n * d, 1) ?? 0) > 0
      ? smallNumbers(index)
      : undefined;
  const count = dimsOf(index)?.reduce((n, d) => n * d, 1) ?? 0;
  if (shape === undefined || out === undefined || indices === undefined || indices.length !== count)
    return undefined;
  const axis = Number(node.attrs.axis);
  const start = indices[0] ?? 0;
  const step = count > 1 ? (indices[1] ?? 0) - start : 1;
  const inside = start >= 0 && start < (shape[axis] ?? 0);
  if (!inside || step === 0 || !Array.from(indices).every((v, i) => v === start + i * step && v >= 0))
    return undefined;
  const taken = slice(rw, x, {
    starts: shape.map((_, i) => (i === axis ? start : 0)),
    sizes: shape.with(axis, count),
    steps: shape.map((_, i) => (i === axis ? step : 1)),
  });
  return rw.builder.one('reshape', [taken], { shape: out });
};

/** A slice whose place is constant; places beyond the end are moved back to fit. */
const fixedSlice: Rule = (node, rw) => {
  const shape = dimsOf(first(node));
  const starts = constantOf(node.inputs[1] as Value) && smallNumbers(node.inputs[1]);
  if (shape === undefined || starts === undefined) return undefined;
  const sizes = ints(node, 'sizes');
  return slice(rw, first(node), {
    starts: shape.map((d, i) =>
      Math.max(0, Math.min(starts[starts.length === 1 ? 0 : i] ?? 0, d - (sizes[i] ?? 0))),
    ),
    sizes,
    steps: shape.map(() => 1),
  });
};

const isZeroPad = (node: Node): boolean => node.attrs.mode === 'constant' && node.attrs.value === 0;
const sum = (a: readonly number[], b: readonly number[]): number[] => a.map((x, i) => x + (b[i] ?? 0));

const padOfPad: Rule = (node, rw) => {
  const inner = madeBy(first(node), 'pad');
  const alike =
    inner?.attrs.mode === 'constant' &&
    node.attrs.mode === 'constant' &&
    inner.attrs.value === node.attrs.value;
  if (inner === undefined || !alike) return undefined;
  const [low, high] = ['low', 'high'].map((side) => sum(ints(inner, side), ints(node, side)));
  return rw.builder.one('pad', inner.inputs, { ...node.attrs, low: low ?? [], high: high ?? [] });
};

/** Zeros around the spatial axes are padding of the window operator; of an average only where it counts them. */
const padOfWindow: Rule = (node, rw) => {
  const inner = madeBy(first(node), 'pad');
  if (inner === undefined || !isZeroPad(inner)) return undefined;
  const [low, high] = [ints(inner, 'low'), ints(inner, 'high')];
  if ([...low.slice(0, 2), ...high.slice(0, 2)].some((n) => n !== 0)) return undefined;
  const own = [...ints(node, 'low'), ...ints(node, 'high')];
  const average = node.op === 'avg_pool';
  if (
    average &&
    (ints(node, 'uncounted').length > 0 || (node.attrs.include_pad !== true && own.some((n) => n !== 0)))
  )
    return undefined;
  const attrs = {
    ...node.attrs,
    low: sum(ints(node, 'low'), low.slice(2)),
    high: sum(ints(node, 'high'), high.slice(2)),
    ...(average && { include_pad: true }),
  };
  return rw.builder.one(node.op, [first(inner), ...node.inputs.slice(1)], attrs);
};

/** A reduction over axes of one element only moves them. */
const reduceOfOne: Rule = (node, rw) => {
  const shape = dimsOf(first(node));
  const out = dimsOf(node.outputs[0]);
  if (shape === undefined || out === undefined || !ints(node, 'axes').every((axis) => shape[axis] === 1))
    return undefined;
  return rw.builder.one('reshape', [first(node)], { shape: out });
};

/** Reductions keep their axes, and a reshape drops them: so that sums of the same meet, however they were written. */
const keptAxes: Rule = (node, rw) => {
  const out = dimsOf(node.outputs[0]);
  if (node.attrs.keep === true || out === undefined || dimsOf(first(node)) === undefined) return undefined;
  const kept = rw.builder.one(node.op, node.inputs, { ...node.attrs, keep: true });
  return rw.builder.one('reshape', [kept], { shape: out });
};

/** A sum times one over the number of summands. */
const meanOfSum: Rule = (node, rw) => {
  const [x, c] = variableAndConstant(node) ?? [];
  const sum = x && madeBy(x, 'reduce_sum');
  const shape = dimsOf(sum?.inputs[0]);
  const scale = scalarOf(c);
  if (x === undefined || sum === undefined || shape === undefined || scale === undefined || !isFloatValue(x))
    return undefined;
  const count = ints(sum, 'axes').reduce((n, axis) => n * (shape[axis] ?? 1), 1);
  const inverse = node.op === 'div' && c === node.inputs[1] ? 1 / scale : scale;
  const same =
    sameType(x.type, (node.outputs[0] as Value).type) && !(node.op === 'div' && c === node.inputs[0]);
  if (!same || Math.abs(inverse * count - 1) > 1e-7) return undefined;
  return rw.builder.one('reduce_mean', sum.inputs, sum.attrs);
};

export const PARTS: Pass = {
  name: 'parts',
  theme: 'clean',
  level: 1,
  doc: 'Slices of slices and of concatenations, concatenations of neighbouring parts, gathers by constant steps, padding that windows do themselves, sums that are means.',
  run: (graph, context) =>
    applyRules(graph, context, {
      slice: [sliceOfSlice, sliceOfConcat],
      concat: [concatOfParts],
      gather: [gatherOfSteps],
      dynamic_slice: [fixedSlice],
      pad: [padOfPad],
      conv: [padOfWindow],
      avg_pool: [padOfWindow],
      mul: [meanOfSum],
      div: [meanOfSum],
      ...Object.fromEntries(
        ['sum', 'mean', 'max', 'min', 'prod'].map((name) => [`reduce_${name}`, [reduceOfOne, keptAxes]]),
      ),
    }),
};
