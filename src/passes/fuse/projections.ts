// Products of one operand with several constant matrices (queries, keys, values) become one product with their columns side by
// side, and slices. Only where every slice begins at a whole panel of partitions, so that slicing stays addressing.
import type { Graph, Node, Value } from '../../ir/graph.js';
import type { GraphBuilder } from '../../ops/build.js';
import { rewriteGraph } from '../../ops/rewrite.js';
import { dimsOf, knownConstant, range } from '../match.js';
import type { Pass } from '../pass.js';

/** Columns of a panel: the partitions of the chip. */
const PANEL = 128;

/** What products must have in common; undefined for a node that joins none. */
function groupKey(node: Node): string | undefined {
  const [x, w, bias] = node.inputs;
  if (node.op !== 'matmul' || x === undefined || w === undefined || knownConstant(w) === undefined)
    return undefined;
  const shape = dimsOf(w);
  if (shape?.length !== 2 || (shape[1] ?? 0) % PANEL !== 0 || dimsOf(x) === undefined) return undefined;
  if (bias !== undefined && knownConstant(bias) === undefined) return undefined;
  return `${x.id} ${w.type.dtype} ${bias?.type.dtype ?? ''} ${JSON.stringify(node.attrs)}`;
}

/** Groups of at least two products, by each of their nodes. */
function groupsOf(graph: Graph): Map<Node, readonly Node[]> {
  const byKey = new Map<string, Node[]>();
  for (const node of graph.body.nodes) {
    const key = groupKey(node);
    if (key === undefined) continue;
    const group = byKey.get(key);
    if (group === undefined) byKey.set(key, [node]);
    else group.push(node);
  }
  return new Map(
    [...byKey.values()].filter((g) => g.length > 1).flatMap((g) => g.map((node) => [node, g] as const)),
  );
}

/** The results of all products of a group, as slices of one. */
function joined(b: GraphBuilder, x: Value, group: readonly Node[]): Map<Node, Value> {
  const [first] = group as readonly [Node, ...Node[]];
  const weights = b.one(
    'concat',
    group.map((node) => node.inputs[1] as Value),
    { axis: 1 },
  );
  const bias =
    first.attrs.bias === true
      ? [
          b.one(
            'concat',
            group.map((node) => node.inputs[2] as Value),
            { axis: 0 },
          ),
        ]
      : [];
  const product = b.one('matmul', [x, weights, ...bias], first.attrs);
  const shape = dimsOf(product) ?? [];
  const axis = shape.length - 1;
  const slices = new Map<Node, Value>();
  let at = 0;
  for (const node of group) {
    const columns = dimsOf(node.inputs[1])?.[1] ?? 0;
    const starts = range(shape.length).map((i) => (i === axis ? at : 0));
    slices.set(
      node,
      b.one('slice', [product], { starts, sizes: shape.with(axis, columns), steps: shape.map(() => 1) }),
    );
    at += columns;
  }
  return slices;
}

export const FUSE_PROJECTIONS: Pass = {
  name: 'fuse-projections',
  theme: 'fuse',
  level: 3,
  doc: 'Products of one operand with several constant matrices become one product and slices.',
  run(graph, context) {
    const groups = groupsOf(graph);
    const results = new Map<Node, Value>();
    return rewriteGraph(graph, (node, rw, old) => {
      const group = groups.get(old);
      if (group === undefined) return undefined;
      if (group[0] === old && context.rewrite())
        for (const [member, value] of joined(rw.builder, node.inputs[0] as Value, group))
          results.set(member, value);
      const result = results.get(old);
      return result && [result];
    });
  },
};
