// Rules of the proof for operators that may mix tokens: products, softmax, reductions and attention. A row may see later
// tokens only where its entries for them are neutral.
import type { Node } from '../../ir/graph.js';
import { flagAttr, intAttr, intsAttr } from '../../ops/attributes.js';
import { axisAt, isMerged, isPlain, type TokenAxis } from './axes.js';
import { MASK_LIMIT } from './behind.js';
import { type Behind, behindOf, type Facts, LAST_ROW, renameBehind } from './facts.js';
import type { Plan, Rule, RuleContext, Target } from './plan.js';
import { refuse } from './refusal.js';
import { alongAxes, joined, outputOf, shapeOf, straight } from './rules-pointwise.js';

export const LATER = 'earlier rows see later tokens';

/** The row axis for which the entries behind it on `key` pass; LAST_ROW for values of the last position. */
function neutralRow(f: Facts, key: number, passes: (b: Behind) => boolean): Behind | undefined {
  return f.behind.find((b) => b.key === key && passes(b));
}

const isZero = (b: Behind): boolean => b.low === 0 && b.high === 0 && !b.shifted;

/** Masked so that exp gives 0: by -inf, or by a finite mask while something in the row is not masked. */
function isMasked(b: Behind): boolean {
  return b.high === -Infinity || (b.most !== undefined && b.high - b.most <= MASK_LIMIT);
}

function maskNote({ high }: Behind): string | undefined {
  if (high === -Infinity) return undefined;
  return `a mask of ${Number(high.toPrecision(6))} counts as -inf: scores are taken to be smaller by far`;
}

/** A plain token axis over which an operator runs, or the reason against it. */
function contracted(node: Node, a: TokenAxis): TokenAxis {
  if (isMerged(a))
    refuse(node, `${node.op} runs over an axis in which tokens are merged with something else`);
  if (a.ahead > 0) refuse(node, `${node.op} runs over entries that look ${a.ahead} tokens ahead`);
  if (a.tail > 0) refuse(node, `${node.op} runs over padding behind the last token`);
  return a;
}

export const softmax: Rule = (node, [f]) => {
  const x = f as Facts;
  const axis = intAttr(node.attrs, 'axis');
  const own = axisAt(x.axes, axis);
  if (own === undefined)
    return alongAxes(
      (n) => [intAttr(n.attrs, 'axis')],
      () => true,
    )(node, [x], NO_CONTEXT);
  const key = contracted(node, own);
  const zero = node.op === 'softmax' ? { low: 0, high: 0 } : { low: -Infinity, high: -Infinity };
  const behind = (row: number): Behind => ({ row, key: axis, ...zero, shifted: false });
  const flow = new Map<number, Target>(x.axes.map((a) => [a.axis, a.axis === axis ? 'whole' : a.axis]));
  if (x.last) {
    const fill = new Map([[0, { axis, value: -Infinity }]]);
    return { facts: [{ ...x, axes: x.axes, behind: [behind(LAST_ROW)] }], flow: [flow], fill };
  }
  if (key.extra !== 0) refuse(node, 'it runs over more entries than there are tokens');
  const mask = neutralRow(x, axis, isMasked);
  if (mask === undefined) return refuse(node, unmasked(x, axis));
  const note = maskNote(mask);
  return { facts: [{ ...x, behind: [behind(mask.row)] }], flow: [flow], ...(note !== undefined && { note }) };
};

function unmasked(x: Facts, key: number): string {
  const best = x.behind.filter((b) => b.key === key).sort((a, b) => a.high - b.high)[0];
  if (x.axes.length < 2) return `softmax over all tokens: ${LATER}`;
  if (best === undefined) return `softmax over tokens that no mask hides: ${LATER}`;
  if (best.high <= MASK_LIMIT) return 'softmax under a finite mask in rows that may have nothing else';
  return `softmax over tokens under a mask that is ${Number(best.high.toPrecision(6))} for some later token: ${LATER}`;
}

export const NO_CONTEXT: RuleContext = {
  max: 0,
  other: () => undefined,
  isLastIndex: () => false,
  recurrence: () => undefined,
};

/** What a reduction takes for nothing, and whether entries behind the row are that. */
const NEUTRAL: Readonly<Record<string, { readonly value: number; passes(b: Behind): boolean }>> = {
  reduce_sum: { value: 0, passes: isZero },
  reduce_max: { value: -Infinity, passes: isMasked },
};

export const reduce: Rule = (node, [f]) => {
  const x = f as Facts;
  const gone = intsAttr(node.attrs, 'axes');
  const keys = x.axes.filter((a) => gone.includes(a.axis)).map((a) => contracted(node, a));
  const keep = flagAttr(node.attrs, 'keep');
  const [key] = keys;
  if (key === undefined)
    return alongAxes(
      () => gone,
      () => keep,
    )(node, [x], NO_CONTEXT);
  const neutral = NEUTRAL[node.op];
  const name = node.op.replace('reduce_', '');
  if (keys.length > 1 || neutral === undefined || node.inputs[0]?.type.dtype === 'bool')
    return refuse(node, `${name} over all tokens: ${LATER}`);
  const to = (axis: number): number | undefined =>
    gone.includes(axis) ? undefined : keep ? axis : axis - gone.filter((g) => g < axis).length;
  const axes = x.axes.flatMap((a) => (to(a.axis) === undefined ? [] : [{ ...a, axis: to(a.axis) ?? 0 }]));
  const flow = new Map<number, Target>(x.axes.map((a) => [a.axis, to(a.axis) ?? 'whole']));
  const facts = [{ ...joined([x]), axes, behind: renameBehind(x.behind, to) }].map((r) => ({
    ...r,
    behind: [],
  }));
  if (x.last) return { facts, flow: [flow], fill: new Map([[0, { axis: key.axis, value: neutral.value }]]) };
  const row = neutralRow(x, key.axis, neutral.passes);
  if (row === undefined) return refuse(node, `${name} over all tokens: ${LATER}`);
  const note = node.op === 'reduce_max' ? maskNote(row) : undefined;
  return { facts, flow: [flow], ...(note !== undefined && { note }) };
};

export const matmul: Rule = (node, facts) => {
  const [a, b, bias] = facts as readonly [Facts, Facts, Facts?];
  if ((bias?.axes.length ?? 0) > 0) refuse(node, 'its bias depends on the token axis');
  const [shapeA, shapeB] = [shapeOf(node.inputs[0]), shapeOf(node.inputs[1])];
  const rank = outputOf(node).type.shape.length;
  const [depthA, depthB] = [shapeA.length - 1, shapeB.length - 2];
  const [keyA, keyB] = [axisAt(a.axes, depthA), axisAt(b.axes, depthB)];
  const target = (f: Facts, shape: readonly number[], depth: number): Map<number, Target> =>
    new Map(f.axes.map(({ axis }) => [axis, axis === depth ? 'whole' : axis + rank - shape.length]));
  const flow = [target(a, shapeA, depthA), target(b, shapeB, depthB), new Map<number, Target>()].slice(
    0,
    facts.length,
  );
  const axes = outputAxes(node, [a, b], flow);
  const base = { ...joined(facts), axes, behind: [] };
  if (keyA === undefined && keyB === undefined) return { facts: [base], flow };
  if (keyA === undefined || keyB === undefined || keyA.extra !== keyB.extra)
    return refuse(node, 'its operands are not aligned on the token axis');
  contracted(node, keyA);
  contracted(node, keyB);
  const zeroA = neutralRow(a, depthA, isZero);
  const zeroB = neutralRow(b, depthB, isZero);
  if (base.last) {
    const safe = (a.last && zeroA !== undefined) || (b.last && zeroB !== undefined);
    const fill = new Map([[0, { axis: depthA, value: 0 }]]);
    return { facts: [base], flow, ...(!safe && { fill }) };
  }
  if (keyA.extra !== 0) refuse(node, 'it runs over more entries than there are tokens');
  if (zeroA === undefined && zeroB === undefined) refuse(node, `a product sums over all tokens: ${LATER}`);
  return { facts: [base], flow };
};

/** Token axes of a product: rows of a, columns of b, and the axes before the matrices, where both may have one. */
function outputAxes(
  node: Node,
  facts: readonly Facts[],
  flow: readonly ReadonlyMap<number, Target>[],
): TokenAxis[] {
  const axes = new Map<number, TokenAxis>();
  for (const [i, f] of facts.entries()) {
    for (const a of f.axes) {
      const to = flow[i]?.get(a.axis);
      if (typeof to !== 'number') continue;
      const known = axes.get(to);
      if (
        known !== undefined &&
        (known.outer !== a.outer || known.inner !== a.inner || known.extra !== a.extra)
      )
        refuse(node, 'its operands are not aligned on the token axis');
      axes.set(to, {
        ...a,
        axis: to,
        ahead: Math.max(a.ahead, known?.ahead ?? a.ahead),
        tail: Math.max(a.tail, known?.tail ?? 0),
      });
    }
  }
  return [...axes.values()].sort((x, y) => x.axis - y.axis);
}

/** Axes of queries and keys in the operands of the attention operator. */
const POSITIONS = 2;

export const attention: Rule = (node, facts) => {
  const [q, k, v, mask] = facts as readonly [Facts, Facts, Facts, Facts?];
  for (const f of [q, k, v])
    if (f.axes.some((a) => a.axis !== POSITIONS || !isPlain(a)))
      refuse(node, 'tokens are merged with batch, heads or features');
  const [rows, keys] = [axisAt(q.axes, POSITIONS), axisAt(k.axes, POSITIONS)];
  if ((keys === undefined) !== (v.axes.length === 0))
    refuse(node, 'keys and values are not aligned on the token axis');
  const [maskRow, maskKey] = [maskRank(node) - 2, maskRank(node) - 1];
  const wrong = mask?.axes.some(
    (a) => !isPlain(a) || !(a.axis === maskRow ? rows : a.axis === maskKey && keys),
  );
  if (wrong) refuse(node, 'its mask is not aligned with queries and keys');
  const out: Facts = { ...joined(facts), axes: q.axes, behind: [] };
  const maskFlow = new Map<number, Target>(
    (mask?.axes ?? []).map((a) => [a.axis, a.axis === maskKey ? 'whole' : POSITIONS]),
  );
  const whole = (f: Facts) => new Map<number, Target>(f.axes.map((a) => [a.axis, 'whole']));
  const flow = [straight(q), whole(k), whole(v), ...(mask ? [maskFlow] : [])];
  const plan: Plan = { facts: [out], flow, special: { kind: 'attention' } };
  if (keys === undefined) return { facts: [out], flow };
  if (out.last) return plan;
  if (rows === undefined) return refuse(node, `attention over all tokens: ${LATER}`);
  if (flagAttr(node.attrs, 'causal')) return plan;
  const hidden = mask && behindOf(mask, maskRow, maskKey);
  if (hidden === undefined || !isMasked(hidden))
    return refuse(node, `attention to tokens that no mask hides: ${LATER}`);
  const note = maskNote(hidden);
  return { ...plan, ...(note !== undefined && { note }) };
};

export const maskRank = (node: Node): number => node.inputs[3]?.type.shape.length ?? 4;
