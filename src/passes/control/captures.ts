// Captures of regions: constants are taken inside as the constants they are, what no region uses is captured no more. So
// regions fold, and loops carry only what they need.
import { constantOf, type Node, type Region, type Value } from '../../ir/graph.js';
import { rewriteGraph } from '../../ops/rewrite.js';
import type { Pass } from '../pass.js';
import { narrowedRegion } from './inline.js';

/** Number of parameters before the captures. */
const fixedParams = (node: Node): number => (node.op === 'loop' ? 2 + Number(node.attrs.carried) : 0);

function usedParams(region: Region): Set<Value> {
  const used = new Set<Value>(region.results);
  for (const node of region.nodes) for (const v of node.inputs) used.add(v);
  return used;
}

export const CAPTURES: Pass = {
  name: 'captures',
  theme: 'control',
  level: 0,
  doc: 'Regions take constants inside as constants, and capture nothing that they do not use.',
  run: (graph) =>
    rewriteGraph(graph, (node, rw) => {
      if (node.regions.length === 0) return undefined;
      const params = node.regions[0]?.params.length ?? 0;
      const from = node.inputs.length - params;
      const used = node.regions.map(usedParams);
      const keep = Array.from({ length: params }, (_, i) => {
        const operand = node.inputs[from + i] as Value;
        const needed = node.regions.some((r, k) => used[k]?.has(r.params[i] as Value));
        return i < fixedParams(node) || (needed && constantOf(operand) === undefined);
      });
      if (keep.every(Boolean)) return undefined;
      const inputs = node.inputs.filter((_, i) => i < from || keep[i - from]);
      const regions = node.regions.map((r) =>
        narrowedRegion(rw.builder, r, keep, (i) => node.inputs[from + i]),
      );
      return rw.builder.node(node.op, inputs, node.attrs, {
        regions,
        names: node.outputs.map((v) => v.name),
      });
    }),
};
