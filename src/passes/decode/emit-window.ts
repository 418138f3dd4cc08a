// Rows of values whose entry needs several rows of an operand, or another one than its own: convolutions over tokens,
// padding, shifted slices, sums that run on. Rows are counted from this step's token: 0 is its own, -1 the one before.
import type { Node, Value } from '../../ir/graph.js';
import { declarationOf } from '../../ops/table.js';
import { axisAt } from './axes.js';
import type { Emitter } from './emitter.js';
import { refuse } from './refusal.js';

/** Rows `from` to `to` of a node's result along `axis`. */
export function emitWindow(em: Emitter, node: Node, axis: number, from: number, to: number): Value {
  const rows = ROWS[node.op];
  if (rows === undefined) return refuse(node, `it is not known which tokens ${node.op} needs`);
  return rows(em, node, axis, from, to);
}

type Rows = (em: Emitter, node: Node, axis: number, from: number, to: number) => Value;

/** Rows of any value; those before this step's come from a state. */
function windowOf(em: Emitter, v: Value, axis: number, from: number, to: number): Value {
  const node = em.proof.view.producer(v);
  const own = axisAt(em.factsOf(v).axes, axis);
  if (own === undefined) return em.whole(v);
  const plan = node && em.proof.plans.get(node);
  const windowed = node !== undefined && plan?.special?.kind === 'window' && plan.special.axis === axis;
  if (windowed && (node.op === 'pad' || node.op === 'slice' || own.ahead > 0))
    return emitWindow(em, node, axis, from, to);
  if (own.ahead > 0 || to > 0) return throughElementwise(em, v, node, axis, from, to);
  const row = em.emit(v, new Map([[axis, 'row']]));
  if (from === 0 && to === 0) return row;
  const all = em.parts.history(v, row, axis, -from);
  return to === 0 ? all : em.parts.cut(all, axis, 0, to - from + 1);
}

/** Rows that are not there yet as such, but those of the operands are. */
function throughElementwise(
  em: Emitter,
  v: Value,
  node: Node | undefined,
  axis: number,
  from: number,
  to: number,
): Value {
  if (node === undefined || declarationOf(node.op).family !== 'elementwise')
    return refuse(node, `the row of a token depends on ${to} later tokens`);
  const rank = v.type.shape.length;
  const inputs = node.inputs.map((input) => {
    const own = axis - (rank - input.type.shape.length);
    const f = em.factsOf(input);
    if (f.source === 'constant' && axisAt(f.axes, own) !== undefined)
      return refuse(node, 'a table over tokens meets rows that are shifted');
    return windowOf(em, input, own, from, to);
  });
  em.builder.origin = node.origins;
  return em.builder.one(node.op, inputs, node.attrs);
}

const ROWS: Readonly<Record<string, Rows>> = {
  pad(em, node, axis, from, to) {
    const [x] = node.inputs as readonly [Value];
    const [low, high] = [node.attrs.low, node.attrs.high] as [readonly number[], readonly number[]];
    const before = low[axis] ?? 0;
    const rows = windowOf(em, x, axis, from - before, to - before);
    return em.builder.one('pad', [rows], { ...node.attrs, low: low.with(axis, 0), high: high.with(axis, 0) });
  },
  slice(em, node, axis, from, to) {
    const [x] = node.inputs as readonly [Value];
    const [starts, sizes] = [node.attrs.starts, node.attrs.sizes] as [readonly number[], readonly number[]];
    const start = starts[axis] ?? 0;
    const rows = windowOf(em, x, axis, from + start, to + start);
    return em.builder.one('slice', [rows], {
      ...node.attrs,
      starts: starts.with(axis, 0),
      sizes: sizes.with(axis, to - from + 1),
    });
  },
  conv(em, node, axis, from, to) {
    const [x, w, ...others] = node.inputs as readonly [Value, Value];
    const [low, high, dilations] = ['low', 'high', 'dilations'].map((name) => node.attrs[name]) as [
      readonly number[],
      readonly number[],
      readonly number[],
    ];
    const spatial = axis - 2;
    const reach = (((w.type.shape[axis] as number | undefined) ?? 1) - 1) * (dilations[spatial] ?? 1);
    const before = low[spatial] ?? 0;
    const rows = windowOf(em, x, axis, from - before, to - before + reach);
    em.builder.origin = node.origins;
    const attrs = { ...node.attrs, low: low.with(spatial, 0), high: high.with(spatial, 0) };
    return em.builder.one('conv', [rows, em.whole(w), ...others.map((v) => em.whole(v))], attrs);
  },
  cumsum(em, node, axis) {
    const [x] = node.inputs as readonly [Value];
    const { before, after } = em.parts.runningSum(x, em.emit(x, new Map([[axis, 'row']])), axis);
    return node.attrs.exclusive === true ? before : after;
  },
};
