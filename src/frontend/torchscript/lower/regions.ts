// Regions of the graph out of stretches of interpretation. Nodes made in a stretch use values from outside freely; a region
// takes them as parameters, so the stretch is built once to see what it uses and then again over parameters.
import type { Node, Region, Value } from '../../../ir/graph.js';
import type { Lowering } from './lowering.js';

/** Nodes made during a stretch, in order. */
export interface Stretch<T> {
  readonly nodes: readonly Node[];
  readonly result: T;
}

/** Runs `build` apart from the nodes made so far; they wait. */
export function stretch<T>(c: Lowering, build: () => T): Stretch<T> {
  let result: T | undefined;
  const region = c.builder.region([], () => {
    result = c.inRegion(build);
    return [];
  });
  return { nodes: region.nodes, result: result as T };
}

/** Values that nodes or results use and that are neither constants nor made by the nodes, each once. */
export function freeValues(nodes: readonly Node[], results: readonly Value[]): Value[] {
  const made = new Set<Value>(nodes.flatMap((n) => n.outputs));
  const used = [...nodes.flatMap((n) => n.inputs), ...results];
  return [...new Set(used.filter((v) => v.def.kind !== 'constant' && !made.has(v)))];
}

/** The nodes over again with `values` replaced; extends the map by their results. */
export function rebuild(c: Lowering, nodes: readonly Node[], map: Map<Value, Value>): void {
  const mapped = (v: Value): Value => map.get(v) ?? v;
  for (const node of nodes) {
    const outputs = c.builder.node(node.op, node.inputs.map(mapped), node.attrs, {
      origin: node.origins,
      regions: node.regions,
      names: node.outputs.map((v) => v.name),
    });
    for (const [i, v] of node.outputs.entries()) map.set(v, outputs[i] ?? v);
  }
}

/** A region over `params` (in the place of `inside`) and then the captures, with these results. */
export function closedRegion(
  c: Lowering,
  nodes: readonly Node[],
  results: readonly Value[],
  inside: readonly Value[],
  captures: readonly Value[],
): Region {
  const outer = [...inside, ...captures];
  return c.builder.region(
    outer.map((v) => v.type),
    (params) => {
      const map = new Map(outer.map((v, i) => [v, params[i] ?? v]));
      rebuild(c, nodes, map);
      return results.map((v) => map.get(v) ?? v);
    },
  );
}
