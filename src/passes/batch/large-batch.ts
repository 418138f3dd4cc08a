// A batch whose activations do not fit on chip passes the early layers some images at a time: copies of these layers over slices
// of the batch, one after the other, whose results are joined where the rest of the graph takes the batch whole.
import type { Graph, Node, Value } from '../../ir/graph.js';
import { GraphBuilder } from '../../ops/build.js';
import { highestId } from '../../ops/rewrite.js';
import { dimsOf } from '../match.js';
import type { Pass, PassContext } from '../pass.js';
import { type BatchCut, bestBatchCut } from './batch-cut.js';
import { batchWiseNodes } from './batch-wise.js';

/** Images in a batch: the first axis of the first input that has one of more than one element. */
function batchOf(graph: Graph): number {
  const dims = graph.body.params.map(dimsOf).find((d) => d !== undefined && d.length > 1 && (d[0] ?? 1) > 1);
  return dims?.[0] ?? 1;
}

function largeBatch(graph: Graph, context: PassContext): Graph {
  const batch = batchOf(graph);
  if (batch === 1) return graph;
  const inputs = new Set(
    graph.body.params.filter((v) => dimsOf(v)?.[0] === batch && (dimsOf(v)?.length ?? 0) > 1),
  );
  const chain = batchWiseNodes(graph, batch, inputs);
  const cut = bestBatchCut(graph, chain, batch, context.target);
  if (cut === undefined || !context.rewrite()) return graph;
  const first = new Set(graph.body.nodes.slice(0, cut.position).filter((node) => chain.has(node)));
  return rebuilt(graph, inputs, first, cut, batch);
}

function rebuilt(
  graph: Graph,
  inputs: ReadonlySet<Value>,
  first: ReadonlySet<Node>,
  { images }: BatchCut,
  batch: number,
): Graph {
  const b = new GraphBuilder(graph.name, highestId(graph.body) + 1);
  const made = new Set<Value>([...first].flatMap((node) => node.outputs));
  const joined = new Map<Value, Value>();
  const current = (v: Value): Value => joined.get(v) ?? v;
  /** Nodes that the copies may need come before them; all others keep their place behind. */
  const dependent = new Set<Value>(made);
  const before: Node[] = [];
  const after: Node[] = [];
  for (const node of graph.body.nodes) {
    if (first.has(node)) continue;
    const behind = node.inputs.some((v) => dependent.has(v));
    (behind ? after : before).push(node);
    if (behind) for (const v of node.outputs) dependent.add(v);
  }
  const used = new Set<Value>([...after.flatMap((node) => node.inputs), ...graph.body.results]);
  const leaving = [...made].filter((v) => used.has(v));
  const body = b.regionOver(graph.body.params, () => {
    for (const node of before) b.adopt(node);
    const parts = leaving.map((): Value[] => []);
    for (let start = 0; start < batch; start += images) {
      const results = copyOver(b, first, inputs, start, images);
      for (const [i, v] of leaving.entries()) parts[i]?.push(results.get(v) as Value);
    }
    leaving.forEach((v, i) => {
      b.origin = v.def.kind === 'result' ? v.def.node.origins : [];
      joined.set(v, b.one('concat', parts[i] ?? [], { axis: 0 }, { name: v.name }));
    });
    for (const node of after) {
      const operands = node.inputs.map(current);
      if (operands.every((v, i) => v === node.inputs[i])) b.adopt(node);
      else {
        const names = node.outputs.map((v) => v.name);
        const options = { origin: node.origins, names, regions: node.regions };
        const outputs = b.node(node.op, operands, node.attrs, options);
        for (const [i, v] of node.outputs.entries()) joined.set(v, outputs[i] as Value);
      }
    }
    return graph.body.results.map(current);
  });
  return { ...graph, body };
}

/** The nodes again over images start … start + images − 1; by value of the batch: its part. */
function copyOver(
  b: GraphBuilder,
  nodes: ReadonlySet<Node>,
  inputs: ReadonlySet<Value>,
  start: number,
  images: number,
): ReadonlyMap<Value, Value> {
  const parts = new Map<Value, Value>();
  const part = (v: Value, node: Node): Value => {
    const known = parts.get(v);
    if (known !== undefined) return known;
    if (!inputs.has(v)) return v;
    const dims = dimsOf(v) as readonly number[];
    const some = b.one(
      'slice',
      [v],
      {
        starts: dims.map((_, i) => (i === 0 ? start : 0)),
        sizes: dims.map((n, i) => (i === 0 ? images : n)),
        steps: dims.map(() => 1),
      },
      { origin: node.origins },
    );
    parts.set(v, some);
    return some;
  };
  for (const node of nodes) {
    const operands = node.inputs.map((v) => part(v, node));
    const names = node.outputs.map((v) => v.name);
    const outputs = b.node(node.op, operands, node.attrs, { origin: node.origins, names });
    for (const [i, v] of node.outputs.entries()) parts.set(v, outputs[i] as Value);
  }
  return parts;
}

export const LARGE_BATCH: Pass = {
  name: 'large-batch',
  theme: 'batch',
  level: 1,
  doc: 'A batch whose activations do not fit on chip passes the early layers some images at a time.',
  run: largeBatch,
};
