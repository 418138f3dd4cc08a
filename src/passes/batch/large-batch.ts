// A batch whose activations do not fit on chip passes the early layers some images at a time: copies of these layers over slices
// of the batch, one after the other, whose results are joined where the rest of the graph takes the batch whole.
import type { Graph, Node, Value } from '../../ir/graph.js';
import { GraphBuilder } from '../../ops/build.js';
import { highestId } from '../../ops/rewrite.js';
import { dimsOf } from '../match.js';
import type { Pass, PassContext } from '../pass.js';
import { type BatchCut, bestBatchCut } from './batch-cut.js';
import { attrsOfPart, batchWiseNodes } from './batch-wise.js';

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
    const copies = Array.from({ length: batch / images }, (_, i) => new Copy(b, inputs, i * images, images));
    for (const { node, copy } of overlapped([...first], copies)) copy.add(node);
    for (const v of leaving) {
      b.origin = v.def.kind === 'result' ? v.def.node.origins : [];
      const parts = copies.map((copy) => copy.part(v));
      joined.set(v, b.one('concat', parts, { axis: 0 }, { name: v.name }));
    }
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

/**
 * An order in which each copy begins when the one before it is half done: what one waits for at the end of a layer is time for
 * the other.
 */
function overlapped(
  nodes: readonly Node[],
  copies: readonly Copy[],
): readonly { readonly node: Node; readonly copy: Copy }[] {
  const distance = Math.ceil(nodes.length / 2);
  return copies
    .flatMap((copy, i) => nodes.map((node, at) => ({ node, copy, time: i * distance + at })))
    .sort((x, y) => x.time - y.time);
}

/** Nodes made again over `images` images from `start` on. */
class Copy {
  private readonly b: GraphBuilder;
  private readonly inputs: ReadonlySet<Value>;
  private readonly start: number;
  private readonly images: number;
  private readonly parts = new Map<Value, Value>();

  constructor(b: GraphBuilder, inputs: ReadonlySet<Value>, start: number, images: number) {
    this.b = b;
    this.inputs = inputs;
    this.start = start;
    this.images = images;
  }

  add(node: Node): void {
    this.b.origin = node.origins;
    const operands = node.inputs.map((v) => this.part(v));
    const names = node.outputs.map((v) => v.name);
    const outputs = this.b.node(node.op, operands, attrsOfPart(node, this.images), { names });
    for (const [i, v] of node.outputs.entries()) this.parts.set(v, outputs[i] as Value);
  }

  /** These images of a value that is cut, any other value as it is. */
  part(v: Value): Value {
    const known = this.parts.get(v);
    if (known !== undefined || !this.inputs.has(v)) return known ?? v;
    const dims = dimsOf(v) as readonly number[];
    const some = this.b.one('slice', [v], {
      starts: dims.map((_, i) => (i === 0 ? this.start : 0)),
      sizes: dims.map((n, i) => (i === 0 ? this.images : n)),
      steps: dims.map(() => 1),
    });
    this.parts.set(v, some);
    return some;
  }
}

export const LARGE_BATCH: Pass = {
  name: 'large-batch',
  theme: 'batch',
  level: 1,
  doc: 'A batch whose activations do not fit on chip passes the early layers some images at a time.',
  run: largeBatch,
};
