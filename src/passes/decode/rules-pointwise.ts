// Rules of the proof for operators that keep tokens apart: elementwise ones, moves, and those that work along other axes.
import type { Node, Value } from '../../ir/graph.js';
import { intAttr, intsAttr } from '../../ops/attributes.js';
import { alignRight, axisAt, mergeAxes, reshapedAxis, type TokenAxis } from './axes.js';
import { type Region, throughElementwise } from './behind.js';
import { uniformBehind } from './constants.js';
import { type Behind, behindOf, type Facts, LAST_ROW, pairsOf, renameBehind, widestSource } from './facts.js';
import type { Plan, Rule, Target } from './plan.js';
import { refuse } from './refusal.js';

export const shapeOf = (v: Value | undefined): readonly number[] =>
  (v?.type.shape ?? []) as readonly number[];
export const outputOf = (node: Node): Value => node.outputs[0] as Value;

/** Each token axis to the axis of that number less `shift`. */
export function straight(f: Facts | undefined, shift = 0): Map<number, Target> {
  return new Map((f?.axes ?? []).map(({ axis }) => [axis, axis + shift]));
}

/** Facts that a result has from all its operands together. */
export function joined(facts: readonly Facts[]): Pick<Facts, 'source' | 'last'> {
  return { source: widestSource(facts.map((f) => f.source)), last: facts.some((f) => f.last) };
}

/** The operands agree on token axes; a value that changes with the length must not reach the rows of tokens. */
export const elementwise: Rule = (node, facts) => {
  const out = outputOf(node);
  const rank = out.type.shape.length;
  const operands = facts.map((f, i) => {
    const shape = shapeOf(node.inputs[i]);
    return { shape, axes: alignRight(f.axes, shape.length, rank) };
  });
  const axes = mergeAxes(operands, rank) ?? refuse(node, 'its operands are not aligned on the token axis');
  const base = { ...joined(facts), axes };
  if (base.last) {
    // Rows of tokens may meet only others that belong to the last position: scores of its row against all keys do.
    const covered = (axis: number): boolean =>
      facts.some(
        (f, i) => f.last && f.source === 'tokens' && axisAt(operands[i]?.axes ?? [], axis) !== undefined,
      );
    const rows = facts.some(
      (f, i) => f.source === 'tokens' && !f.last && operands[i]?.axes.some((a) => !covered(a.axis)),
    );
    if (rows)
      refuse(node, 'a value that changes with the number of tokens reaches the rows of earlier tokens');
  }
  const result: Facts = {
    ...base,
    behind: elementwiseBehind(node, facts, operands, base),
    ...elementwiseRange(node, facts),
  };
  const flow = facts.map((f, i) => straight(f, rank - shapeOf(node.inputs[i]).length));
  return { facts: [result], flow };
};

function elementwiseBehind(
  node: Node,
  facts: readonly Facts[],
  operands: readonly { readonly shape: readonly number[] }[],
  base: Pick<Facts, 'axes' | 'last'>,
): Behind[] {
  const rank = outputOf(node).type.shape.length;
  return pairsOf(base).flatMap(({ row, key }) => {
    const regions = facts.map((f, i): Region => {
      const shift = rank - (operands[i]?.shape.length ?? rank);
      const own = behindOf(f, row === LAST_ROW ? LAST_ROW : row - shift, key - shift);
      return own ?? uniformBehind(f, row, key) ?? rangeRegion(f);
    });
    const region = throughElementwise(
      node.op,
      node.attrs,
      regions,
      node.inputs.map((v) => v.type.dtype),
      outputOf(node).type.dtype,
    );
    return region === undefined ? [] : [{ ...region, row, key }];
  });
}

/** An interval of all elements holds behind the row, too. */
function rangeRegion(f: Facts): Region {
  return f.range && { ...f.range, shifted: false, floor: f.range.low, ceiling: f.range.high };
}

function elementwiseRange(node: Node, facts: readonly Facts[]): Pick<Facts, 'range'> {
  const out = outputOf(node);
  if (out.type.dtype === 'bool') return { range: { low: 0, high: 1 } };
  const region = throughElementwise(
    node.op,
    node.attrs,
    facts.map(rangeRegion),
    node.inputs.map((v) => v.type.dtype),
    out.type.dtype,
  );
  return region === undefined || region.shifted ? {} : { range: { low: region.low, high: region.high } };
}

/** A result whose token axes are those of the one operand, renamed. */
function moved(f: Facts, axes: readonly TokenAxis[], to: (axis: number) => number | undefined): Facts {
  return { ...f, axes, behind: renameBehind(f.behind, to) };
}

export const transpose: Rule = (node, [f]) => {
  const x = f as Facts;
  const perm = intsAttr(node.attrs, 'perm');
  const to = (axis: number): number => perm.indexOf(axis);
  const axes = x.axes.map((a) => ({ ...a, axis: to(a.axis) }));
  return { facts: [moved(x, axes, to)], flow: [new Map(x.axes.map((a) => [a.axis, to(a.axis)]))] };
};

export const reshape: Rule = (node, [f], { max }) => {
  const x = f as Facts;
  const [from, to] = [shapeOf(node.inputs[0]), shapeOf(outputOf(node))];
  const axes = x.axes.map(
    (a) => reshapedAxis(from, to, a, max) ?? refuse(node, 'it splits the token axis or mixes it with others'),
  );
  const target = (axis: number): number | undefined => axes[x.axes.findIndex((a) => a.axis === axis)]?.axis;
  if (new Set(axes.map((a) => a.axis)).size < axes.length) refuse(node, 'it merges two token axes');
  const flow = new Map(x.axes.map((a, i) => [a.axis, axes[i]?.axis ?? 0] as const));
  return { facts: [moved(x, axes, target)], flow: [flow] };
};

/** A new token axis where the operand has none: the same for every token. */
export const broadcast: Rule = (node, [f], { max, other }) => {
  const x = f as Facts;
  const out = outputOf(node);
  const [from, to] = [shapeOf(node.inputs[0]), shapeOf(out)];
  const shift = to.length - from.length;
  const axes: TokenAxis[] = x.axes.map((a) => ({ ...a, axis: a.axis + shift }));
  const elsewhere = other(out);
  for (const [axis, dim] of to.entries()) {
    if (elsewhere === undefined || axisAt(axes, axis) !== undefined || elsewhere.shape[axis] === dim)
      continue;
    const extra = dim - max;
    if (elsewhere.shape[axis] !== elsewhere.length + extra)
      refuse(node, 'it repeats a value by a function of the number of tokens');
    axes.push({ axis, outer: 1, inner: 1, extra, ahead: Number.NEGATIVE_INFINITY, tail: 0 });
  }
  return { facts: [moved(x, axes, (axis) => axis + shift)], flow: [straight(x, shift)] };
};

/** Works along axes that are none of the tokens'; the others stay where they are. */
export function alongAxes(axesOf: (node: Node) => readonly number[], kept: (node: Node) => boolean): Rule {
  return (node, facts) => {
    const [x] = facts as readonly [Facts];
    const gone = axesOf(node);
    if (gone.some((axis) => axisAt(x.axes, axis) !== undefined))
      refuse(node, `${node.op} runs over all tokens`);
    const to = (axis: number): number => (kept(node) ? axis : axis - gone.filter((g) => g < axis).length);
    const axes = x.axes.map((a) => ({ ...a, axis: to(a.axis) }));
    const result: Facts = { ...joined(facts), axes, behind: [] };
    const flow = facts.map(
      (f, i) => new Map<number, Target>(i === 0 ? f.axes.map((a) => [a.axis, to(a.axis)]) : []),
    );
    if (facts.some((f, i) => i > 0 && f.axes.length > 0))
      refuse(node, 'an operand beside the first depends on the token axis');
    return { facts: node.outputs.map(() => result), flow };
  };
}

/** Normalisations run from an axis to the last one. */
export const normalise = alongAxes(
  (node) =>
    shapeOf(node.inputs[0])
      .map((_, i) => i)
      .slice(intAttr(node.attrs, 'axis')),
  () => true,
);

/** Operands one after the other along an axis of no tokens. */
export const concatApart: Rule = (node, facts) => {
  const axis = intAttr(node.attrs, 'axis');
  const rank = shapeOf(outputOf(node)).length;
  // The axis that grows is no obstacle to agreeing on the others.
  const operands = facts.map((f, i) => ({ shape: shapeOf(node.inputs[i]).with(axis, 1), axes: f.axes }));
  const axes = mergeAxes(operands, rank) ?? refuse(node, 'its operands are not aligned on the token axis');
  return { facts: [{ ...joined(facts), axes, behind: [] }], flow: facts.map((f) => straight(f)) };
};

/** An operator of which nothing is known: allowed where no operand has a token axis. */
export const opaque: Rule = (node, facts): Plan => {
  if (facts.some((f) => f.axes.length > 0))
    refuse(node, `it is not known how ${node.op} treats the token axis`);
  const result: Facts = { ...joined(facts), axes: [], behind: [] };
  return { facts: node.outputs.map(() => result), flow: facts.map(() => new Map()) };
};
