// Rules of the proof for operators that take entries along the token axis by place: slices, padding, convolutions, sums that
// run on, the selection of the last token, and the append by which a decoder's own cache grows.
import type { Node } from '../../ir/graph.js';
import { flagAttr, intAttr, intsAttr, stringAttr } from '../../ops/attributes.js';
import { axisAt, isMerged, isPlain, type TokenAxis } from './axes.js';
import { type Behind, type Facts, LAST_ROW } from './facts.js';
import type { Plan, Rule, Target } from './plan.js';
import { refuse } from './refusal.js';
import { alongAxes, concatApart, joined, outputOf, shapeOf, straight } from './rules-pointwise.js';
import { LATER, NO_CONTEXT } from './rules-tokens.js';

/** Sums that run on: forward ones are stable. */
export const cumulate: Rule = (node, [f]) => {
  const x = f as Facts;
  const axis = intAttr(node.attrs, 'axis');
  const own = axisAt(x.axes, axis);
  if (own === undefined)
    return alongAxes(
      () => [axis],
      () => true,
    )(node, [x], NO_CONTEXT);
  if (flagAttr(node.attrs, 'reverse'))
    refuse(node, `${node.op} runs from the last token backwards: ${LATER}`);
  if (!isPlain(own) || x.axes.length > 1 || x.last)
    refuse(node, `${node.op} over an axis that is not plainly the tokens'`);
  return { facts: [{ ...x, behind: [] }], flow: [straight(x)], special: { kind: 'window', axis } };
};

export const slice: Rule = (node, [f], { max, other }) => {
  const x = f as Facts;
  const out = outputOf(node);
  const [starts, sizes, steps] = ['starts', 'sizes', 'steps'].map((name) => intsAttr(node.attrs, name)) as [
    readonly number[],
    readonly number[],
    readonly number[],
  ];
  const cut = x.axes.filter(
    (a) => starts[a.axis] !== 0 || sizes[a.axis] !== shapeOf(node.inputs[0])[a.axis] || steps[a.axis] !== 1,
  );
  const [own] = cut;
  if (own === undefined) return { facts: [{ ...x, axes: x.axes, behind: x.behind }], flow: [straight(x)] };
  const { axis } = own;
  const [start, size] = [starts[axis] ?? 0, sizes[axis] ?? 0];
  if (cut.length > 1 || isMerged(own))
    refuse(node, 'it cuts an axis in which tokens are merged with something else');
  if (steps[axis] !== 1) refuse(node, 'it reverses or thins out the tokens');
  const elsewhere = other(out);
  const grows = elsewhere !== undefined && elsewhere.shape[axis] !== size;
  if (!grows) {
    if (size !== 1 || start !== max - 1 + own.extra || own.extra !== 0) refuse(node, 'it takes fixed tokens');
    return select(node, x, own, (a) => a);
  }
  const extra = size - max;
  const tail = Math.max(0, extra - (own.extra - own.tail - start));
  const axes = x.axes.map((a) => (a === own ? { ...own, extra, ahead: own.ahead + start, tail } : a));
  return { facts: [{ ...x, axes, behind: [] }], flow: [straight(x)], special: { kind: 'window', axis } };
};

/** The entry of the last token: from here on the value belongs to the last position. */
function select(node: Node, x: Facts, own: TokenAxis, to: (axis: number) => number): Plan {
  if (own.ahead > 0) refuse(node, `the row of a token depends on ${own.ahead} later tokens`);
  if (own.tail > 0) refuse(node, 'it takes padding behind the last token');
  const rest = x.axes.filter((a) => a !== own);
  const behind = x.behind.flatMap((b) =>
    b.row === own.axis ? [{ ...b, row: LAST_ROW, key: to(b.key) }] : [],
  );
  const facts: Facts = { ...x, last: true, axes: rest.map((a) => ({ ...a, axis: to(a.axis) })), behind };
  const flow = new Map<number, Target>(x.axes.map((a) => [a.axis, a === own ? 'whole' : to(a.axis)]));
  return { facts: [facts], flow: [flow], special: { kind: 'select', axis: own.axis } };
}

export const gather: Rule = (node, facts, { isLastIndex }) => {
  const [x, index] = facts as readonly [Facts, Facts];
  const axis = intAttr(node.attrs, 'axis');
  const indexRank = shapeOf(node.inputs[1]).length;
  const to = (a: number): number => (a < axis ? a : a + indexRank - 1);
  const own = axisAt(x.axes, axis);
  if (own !== undefined) {
    const one = shapeOf(node.inputs[1]).every((d) => d === 1);
    if (!one || node.inputs[1] === undefined || !isLastIndex(node.inputs[1]))
      refuse(node, 'it takes tokens by an index that is not the last one');
    if (isMerged(own) || own.extra !== 0)
      refuse(node, 'it takes entries of an axis in which tokens are merged with something else');
    return select(node, x, own, to);
  }
  const axes = [
    ...x.axes.map((a) => ({ ...a, axis: to(a.axis) })),
    ...index.axes.map((a) => ({ ...a, axis: a.axis + axis })),
  ].sort((a, b) => a.axis - b.axis);
  const flow = [new Map<number, Target>(x.axes.map((a) => [a.axis, to(a.axis)])), straight(index, axis)];
  return { facts: [{ ...joined(facts), axes, behind: [] }], flow };
};

export const pad: Rule = (node, [f]) => {
  const x = f as Facts;
  const [low, high] = [intsAttr(node.attrs, 'low'), intsAttr(node.attrs, 'high')];
  const padded = x.axes.filter((a) => low[a.axis] !== 0 || high[a.axis] !== 0);
  const [own] = padded;
  if (own === undefined) return { facts: [{ ...x, behind: [] }], flow: [straight(x)] };
  const { axis } = own;
  if (padded.length > 1 || isMerged(own) || x.last)
    refuse(node, "it pads an axis that is not plainly the tokens'");
  if (stringAttr(node.attrs, 'mode') !== 'constant' || node.attrs.value !== 0)
    refuse(node, 'it pads the token axis with something else than 0');
  const [before, after] = [low[axis] ?? 0, high[axis] ?? 0];
  const wider = {
    ...own,
    extra: own.extra + before + after,
    ahead: own.ahead - before,
    tail: own.tail + after,
  };
  const axes = x.axes.map((a) => (a === own ? wider : a));
  return { facts: [{ ...x, axes, behind: [] }], flow: [straight(x)], special: { kind: 'window', axis } };
};

export const convolution: Rule = (node, facts) => {
  const [x, w] = facts as readonly [Facts, Facts];
  if (facts.some((f, i) => i > 0 && f.axes.length > 0)) refuse(node, 'its filters depend on the token axis');
  if (axisAt(x.axes, 1) !== undefined) refuse(node, 'its channels are tokens');
  const base = { ...joined(facts), behind: [] };
  const own = x.axes.find((a) => a.axis >= 2);
  const flow = [straight(x), ...facts.slice(1).map(() => new Map<number, Target>())];
  if (own === undefined) return { facts: [{ ...base, axes: x.axes }], flow };
  if (x.axes.length > 1 || isMerged(own) || x.last || w.last)
    refuse(node, "it slides over an axis that is not plainly the tokens'");
  const at = (name: string): number => intsAttr(node.attrs, name)[own.axis - 2] ?? 0;
  if (at('strides') !== 1) refuse(node, 'it skips tokens');
  const [before, after] = [at('low'), at('high')];
  const reach = ((shapeOf(node.inputs[1])[own.axis] ?? 1) - 1) * at('dilations');
  const axis: TokenAxis = {
    ...own,
    extra: own.extra + before + after - reach,
    ahead: own.ahead + reach - before,
    tail: own.tail + after,
  };
  if (axis.ahead > 0 && after > 0)
    refuse(node, `a convolution that looks ${axis.ahead} tokens ahead: ${LATER}`);
  return { facts: [{ ...base, axes: [axis] }], flow, special: { kind: 'window', axis: own.axis } };
};

/** Behind the entries of earlier steps the one of this step: how a decoder's own cache grows. */
export const concat: Rule = (node, facts, context) => {
  const axis = intAttr(node.attrs, 'axis');
  if (facts.every((f) => axisAt(f.axes, axis) === undefined)) return concatApart(node, facts, context);
  const [past, added, ...others] = facts as readonly [Facts, Facts?];
  const own = axisAt(past.axes, axis);
  const grows =
    own !== undefined &&
    added !== undefined &&
    others.length === 0 &&
    past.axes.length === 1 &&
    added.axes.length === 0 &&
    past.last &&
    !isMerged(own) &&
    own.extra === -1 &&
    shapeOf(node.inputs[1])[axis] === 1;
  if (!grows || own === undefined)
    return refuse(node, 'it puts tokens together in a way that is not an append of one');
  // Nothing is behind the last entry yet: there the buffer is still zero.
  const behind: Behind = { row: LAST_ROW, key: axis, low: 0, high: 0, shifted: false };
  const result: Facts = { ...joined(facts), axes: [{ ...own, extra: 0 }], behind: [behind] };
  return { facts: [result], flow: facts.map((f) => straight(f)), special: { kind: 'append', axis } };
};
