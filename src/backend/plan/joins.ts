// Values that only go into one concatenation: lowering makes them in their place of its result, and nothing is copied.
import type { Graph, Value } from '../../ir/graph.js';
import { staticShape } from '../../ir/type.js';

export interface Join {
  /** The result of the concatenation, the axis along which it joins, and where on it the part begins. */
  readonly out: Value;
  readonly axis: number;
  readonly start: number;
  /** Elements of the part along the axis. */
  readonly size: number;
}

export function joinsOf(graph: Graph): ReadonlyMap<Value, Join> {
  const uses = new Map<Value, number>();
  const use = (v: Value): void => {
    uses.set(v, (uses.get(v) ?? 0) + 1);
  };
  for (const node of graph.body.nodes) node.inputs.forEach(use);
  graph.body.results.forEach(use);
  const joins = new Map<Value, Join>();
  for (const node of graph.body.nodes) {
    const out = node.outputs[0];
    if (node.op !== 'concat' || out === undefined) continue;
    const axis = Number(node.attrs.axis);
    let start = 0;
    for (const v of node.inputs) {
      const size = staticShape(v.type)?.[axis] ?? 0;
      if (uses.get(v) === 1 && v.def.kind === 'result' && size > 0) joins.set(v, { out, axis, start, size });
      start += size;
    }
  }
  return joins;
}
