// A graph of only those nodes and parameters that the wanted results need. Operators have no effects but their results.
import type { Graph, Node, Value } from '../../../ir/graph.js';

/** The graph with the results at `wanted`; unused parameters go too, unless `keepParams`. */
export function prune(graph: Graph, wanted: readonly number[], keepParams = false): Graph {
  const results = wanted.map((i) => graph.body.results[i] as Value);
  const needed = new Set<Value>(results);
  const kept: Node[] = [];
  for (const node of [...graph.body.nodes].reverse()) {
    if (!node.outputs.some((v) => needed.has(v))) continue;
    kept.push(node);
    for (const v of node.inputs) needed.add(v);
  }
  const params = keepParams ? graph.body.params : graph.body.params.filter((p) => needed.has(p));
  return {
    name: graph.name,
    body: { params, nodes: kept.reverse(), results },
    outputNames: wanted.map((i) => graph.outputNames[i] ?? ''),
  };
}
