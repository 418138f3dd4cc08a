// Which axes the consumers of a value would like on partitions: a vote, collected from the outputs back to the inputs.
// Producers that can choose (matmul, loads from DRAM) follow it, so that transposes are rare.
import type { Graph, Node, Value } from '../../ir/graph.js';
import { elementCount, staticShape } from '../../ir/type.js';

type Axes = readonly number[];
/** What a node would like for operand `i`, given what its own result is wanted in. */
type Vote = (node: Node, operand: number, wantedResult: Axes | undefined) => Axes | undefined;

const rank = (node: Node, operand: number): number => node.inputs[operand]?.type.shape.length ?? 0;
const channels: Vote = (_n, operand) => (operand === 0 ? [1] : undefined);
const same: Vote = (node, operand, wanted) => {
  if (wanted === undefined) return undefined;
  const lead = (node.outputs[0]?.type.shape.length ?? 0) - rank(node, operand);
  return wanted.every((i) => i >= lead) ? wanted.map((i) => i - lead) : undefined;
};

/** Rows on partitions: every axis but the reduced ones could be; the one next to the last reduced axis is. */
const rows =
  (axesOf: (node: Node) => readonly number[]): Vote =>
  (node, operand, wanted) => {
    if (operand > 0) return undefined;
    const reduced = axesOf(node);
    if (wanted !== undefined && wanted.length > 0 && wanted.every((i) => !reduced.includes(i))) return wanted;
    const shape = staticShape(node.inputs[0]?.type ?? { dtype: 'f32', shape: [] }) ?? [];
    const free = shape.map((_, i) => i).filter((i) => !reduced.includes(i));
    // As many inner axes as fit on the partitions, from the one before the reduced axes outwards.
    const chosen: number[] = [];
    let count = 1;
    for (const i of [...free].reverse()) {
      const n = shape[i] ?? 1;
      if (chosen.length > 0 && count * n > 128) break;
      chosen.unshift(i);
      count *= n;
      if (count >= 64) break;
    }
    return chosen;
  };
const lastAxes = (node: Node): number[] => {
  const first = Number(node.attrs.axis);
  return Array.from({ length: rank(node, 0) - first }, (_, i) => first + i);
};

const VOTES: Readonly<Record<string, Vote>> = {
  matmul: (node, operand) =>
    operand === 0 ? [rank(node, 0) - 1] : operand === 1 ? [rank(node, 1) - 2] : undefined,
  conv: (_n, operand, wanted) => (operand === 0 ? [1] : operand >= 3 ? (wanted ?? [1]) : undefined),
  conv_transpose: channels,
  max_pool: channels,
  avg_pool: channels,
  softmax: rows((n) => [Number(n.attrs.axis)]),
  log_softmax: rows((n) => [Number(n.attrs.axis)]),
  layer_norm: rows(lastAxes),
  rms_norm: rows(lastAxes),
  argmax: rows((n) => [Number(n.attrs.axis)]),
  argmin: rows((n) => [Number(n.attrs.axis)]),
  topk: rows((n) => [Number(n.attrs.axis)]),
  cumsum: rows((n) => [Number(n.attrs.axis)]),
  reduce_sum: rows((n) => n.attrs.axes as number[]),
  reduce_mean: rows((n) => n.attrs.axes as number[]),
  reduce_max: rows((n) => n.attrs.axes as number[]),
  reduce_min: rows((n) => n.attrs.axes as number[]),
  reduce_prod: rows((n) => n.attrs.axes as number[]),
  attention: (_n, operand) => (operand < 3 ? [1, 3] : undefined),
  transpose: (node, _o, wanted) => wanted?.map((i) => (node.attrs.perm as number[])[i] ?? 0),
  reshape: (node, _o, wanted) => wanted && throughReshape(node, wanted),
  slice: same,
  pad: same,
  concat: same,
  broadcast: same,
};
const PASS_THROUGH = new Set([
  'gather',
  'gather_elements',
  'gather_nd',
  'scatter_nd',
  'scatter_elements',
  'if',
  'loop',
  'dynamic_slice',
  'dynamic_update_slice',
]);

export function wantedPartitions(graph: Graph): Map<Value, Axes> {
  const wanted = new Map<Value, Axes>();
  const votes = new Map<Value, Map<string, { axes: Axes; weight: number }>>();
  for (const node of [...graph.body.nodes].reverse()) {
    for (const out of node.outputs) settle(out, votes, wanted);
    const result = node.outputs[0] && wanted.get(node.outputs[0]);
    if (PASS_THROUGH.has(node.op)) continue;
    const vote = VOTES[node.op] ?? same;
    node.inputs.forEach((v, i) => {
      const axes = v.def.kind === 'constant' ? undefined : vote(node, i, result);
      if (axes === undefined || axes.length === 0) return;
      const key = axes.join();
      const mine = votes.get(v) ?? new Map<string, { axes: Axes; weight: number }>();
      votes.set(v, mine);
      const cast = mine.get(key) ?? { axes, weight: 0 };
      // A consumer that can only work in this layout outweighs one that merely passes a wish on.
      cast.weight += VOTES[node.op] !== undefined && vote !== same ? 2 : 1;
      mine.set(key, cast);
    });
  }
  for (const v of graph.body.params) settle(v, votes, wanted);
  return wanted;
}

function settle(
  v: Value,
  votes: Map<Value, Map<string, { axes: Axes; weight: number }>>,
  wanted: Map<Value, Axes>,
): void {
  let best: { axes: Axes; weight: number } | undefined;
  for (const vote of votes.get(v)?.values() ?? [])
    if (best === undefined || vote.weight > best.weight) best = vote;
  if (best !== undefined) wanted.set(v, best.axes);
}

/** The operand's axes that cover exactly the same elements as the wanted axes of the reshaped value. */
function throughReshape(node: Node, wanted: Axes): Axes | undefined {
  const from = staticShape(node.inputs[0]?.type ?? { dtype: 'f32', shape: [] });
  const to = staticShape(node.outputs[0]?.type ?? { dtype: 'f32', shape: [] });
  if (from === undefined || to === undefined) return undefined;
  const spans = (shape: readonly number[]): [number, number][] =>
    shape.map((n, i) => [elementCount(shape.slice(i + 1)), elementCount(shape.slice(i + 1)) * n]);
  const target = spans(to);
  const source = spans(from);
  const lo = Math.min(...wanted.map((i) => target[i]?.[0] ?? 1));
  const hi = Math.max(...wanted.map((i) => target[i]?.[1] ?? 1));
  const covered = wanted.reduce((n, i) => n * (to[i] ?? 1), 1);
  if (covered === 1) {
    // One partition: any axis of one element says so, best the one before the last.
    const ones = from.map((n, i) => (n === 1 ? i : -1)).filter((i) => i >= 0);
    const last = ones.filter((i) => i < from.length - 1).at(-1) ?? ones.at(-1);
    return last === undefined ? undefined : [last];
  }
  if (covered !== hi / lo) return undefined;
  const axes = from
    .map((_, i) => i)
    .filter((i) => (from[i] ?? 1) > 1 && (source[i]?.[0] ?? 0) >= lo && (source[i]?.[1] ?? 0) <= hi);
  return axes.reduce((n, i) => n * (from[i] ?? 1), 1) === covered ? axes : undefined;
}
