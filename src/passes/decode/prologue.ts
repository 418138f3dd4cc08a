// The prologue of a step program: the source's own, the values of the decoder graph that depend on the context alone, and
// prompts' states widened to the length of the buffers.
import type { Graph, Node, Value } from '../../ir/graph.js';
import { constantOf, producer } from '../../ir/graph.js';
import { GraphBuilder } from '../../ops/build.js';

/** Makes values of a graph again with `builder`, where `given` stands for some of its values already. */
export function copyValues(
  builder: GraphBuilder,
  values: readonly Value[],
  given: ReadonlyMap<Value, Value>,
): Value[] {
  const made = new Map(given);
  const ready = (v: Value): boolean => made.has(v) || constantOf(v) !== undefined;
  const copy = (v: Value): Value => {
    const constant = constantOf(v);
    const known = made.get(v) ?? (constant === undefined ? v : builder.constant(constant, v.name));
    made.set(v, known);
    return known;
  };
  const open = [...values].reverse();
  for (let v = open.pop(); v !== undefined; v = open.pop()) {
    if (ready(v)) continue;
    const node = producer(v);
    if (node === undefined) continue;
    const missing = node.inputs.filter((input) => !ready(input));
    if (missing.length > 0) {
      open.push(v, ...missing);
      continue;
    }
    builder.origin = node.origins;
    const names = node.outputs.map((o) => o.name);
    const results = builder.node(node.op, node.inputs.map(copy), node.attrs, {
      names,
      regions: node.regions,
    });
    for (const [i, o] of node.outputs.entries()) made.set(o, results[i] ?? o);
  }
  return values.map(copy);
}

/** A graph that goes on from another's results: the nodes of the first are taken over. */
export class Continuation {
  readonly builder: GraphBuilder;
  private readonly start: Graph;

  constructor(start: Graph) {
    this.start = start;
    this.builder = new GraphBuilder(start.name, highestId(start) + 1);
    for (const node of start.body.nodes) this.builder.adopt(node);
  }

  result(index: number): Value {
    return this.start.body.results[index] as Value;
  }

  finish(results: readonly Value[], outputNames: readonly string[]): Graph {
    const { params } = this.start.body;
    const used = new Set<Value>(results);
    const nodes: Node[] = [];
    for (const node of [...this.builder.made].reverse()) {
      if (!node.outputs.some((v) => used.has(v))) continue;
      nodes.push(node);
      for (const v of node.inputs) used.add(v);
    }
    return { name: this.start.name, body: { params, nodes: nodes.reverse(), results }, outputNames };
  }
}

function highestId(graph: Graph): number {
  let highest = 0;
  const see = (values: readonly Value[]): void => {
    for (const v of values) highest = Math.max(highest, v.id);
  };
  const seeNodes = (nodes: readonly Node[]): void => {
    for (const node of nodes) {
      highest = Math.max(highest, node.id);
      see(node.inputs);
      see(node.outputs);
      for (const region of node.regions) {
        see(region.params);
        seeNodes(region.nodes);
        see(region.results);
      }
    }
  };
  see(graph.body.params);
  see(graph.body.results);
  seeNodes(graph.body.nodes);
  return highest;
}
