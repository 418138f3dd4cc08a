// Every use made again as the builder makes it: operators over constants become constants (evaluated when their bytes are
// asked for), moves that move nothing go, moves of moves merge. What passes and frontends build is so from the start; text is
// not.
import { constantOf, type Node, producer, type Value } from '../../ir/graph.js';
import { type Rewriter, rewriteGraph } from '../../ops/rewrite.js';
import type { Pass } from '../pass.js';

/** Operators that the builder says more simply where their operand allows it, and all that have a constant operand. */
const MOVES = new Set(['reshape', 'transpose', 'broadcast', 'slice', 'pad', 'concat', 'cast', 'bitcast']);

function remade(node: Node, rw: Rewriter): readonly Value[] | undefined {
  if (node.regions.length > 0) return undefined;
  const constant = node.inputs.every((v) => constantOf(v) !== undefined);
  if (!constant && !MOVES.has(node.op)) return undefined;
  const results = rw.builder.node(node.op, node.inputs, node.attrs);
  const made = results[0] && producer(results[0]);
  const same =
    made?.op === node.op &&
    made.inputs.length === node.inputs.length &&
    made.inputs.every((v, i) => v === node.inputs[i]);
  return same ? undefined : results;
}

export const FOLD: Pass = {
  name: 'fold',
  theme: 'clean',
  level: 1,
  doc: 'Operators over constants become constants; moves that move nothing go and moves of moves merge.',
  run: (graph, context) =>
    rewriteGraph(graph, (node, rw) => {
      const results = remade(node, rw);
      return results !== undefined && context.rewrite() ? results : undefined;
    }),
};

export const DCE: Pass = {
  name: 'dce',
  theme: 'clean',
  level: 1,
  doc: 'Nodes whose results nothing uses go.',
  run: (graph) => rewriteGraph(graph, () => undefined),
};
