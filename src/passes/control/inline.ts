// Copies of regions: their nodes made again over other operands, so that what constants decide folds. A copy has values of its
// own, nested regions too, so that one region can be copied any number of times.
import type { Node, Region, Value } from '../../ir/graph.js';
import type { GraphBuilder } from '../../ops/build.js';

/** What a node of the region becomes instead of a copy over these operands; undefined: a copy. */
export type Substitute = (node: Node, inputs: readonly Value[]) => readonly Value[] | undefined;

/** What stands for a value that the region takes from around it: itself, unless the copy goes into another graph. */
export type Outer = (v: Value) => Value;

/** The region's results with `args` in place of its parameters: its nodes are made in the region being built. */
export function inlineRegion(
  b: GraphBuilder,
  region: Region,
  args: readonly Value[],
  substitute: Substitute = () => undefined,
  outer: Outer = (v) => v,
): readonly Value[] {
  const copies = new Map<Value, Value>(region.params.map((param, i) => [param, args[i] ?? param]));
  const current = (v: Value): Value => copies.get(v) ?? outer(v);
  for (const node of region.nodes) {
    const inputs = node.inputs.map(current);
    const results = substitute(node, inputs) ?? copyNode(b, node, inputs, substitute, outer);
    for (const [i, v] of node.outputs.entries()) copies.set(v, results[i] ?? v);
  }
  return region.results.map(current);
}

function copyNode(
  b: GraphBuilder,
  node: Node,
  inputs: readonly Value[],
  substitute: Substitute,
  outer: Outer,
): readonly Value[] {
  const regions = node.regions.map((inner) => copyRegion(b, inner, inputs, substitute, outer));
  return b.node(node.op, inputs, node.attrs, {
    regions,
    origin: node.origins,
    names: node.outputs.map((v) => v.name),
  });
}

/** The region over new parameters, of the types of the operands they stand for. */
function copyRegion(
  b: GraphBuilder,
  region: Region,
  operands: readonly Value[],
  substitute: Substitute,
  outer: Outer,
): Region {
  const from = operands.length - region.params.length;
  const types = region.params.map((param, i) =>
    from + i < 0 ? param.type : (operands[from + i]?.type ?? param.type),
  );
  return b.region(types, (params) => inlineRegion(b, region, params, substitute, outer));
}

/** The region with constants, or nothing, in place of some parameters: `keep` says which parameters stay. */
export function narrowedRegion(
  b: GraphBuilder,
  region: Region,
  keep: readonly boolean[],
  replacement: (index: number) => Value | undefined,
): Region {
  const kept = region.params.filter((_, i) => keep[i]);
  return b.region(
    kept.map((v) => v.type),
    (params) => {
      let next = 0;
      const args = region.params.map((param, i) =>
        keep[i] ? (params[next++] ?? param) : (replacement(i) ?? param),
      );
      return inlineRegion(b, region, args);
    },
  );
}
