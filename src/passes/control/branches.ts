// `if` without branches on the chip: a constant condition takes one branch, any other computes both and selects, where results
// have the same shapes. Branches have no effects, so computing one too many is only work; indices of gathers in them are kept
// inside their bounds, since the branch not taken may hold others.
import type { Node, Region, Value } from '../../ir/graph.js';
import type { GraphBuilder } from '../../ops/build.js';
import { type Rewriter, rewriteGraph } from '../../ops/rewrite.js';
import { dimsOf, sameDims, scalarOf } from '../match.js';
import type { Pass } from '../pass.js';
import { inlineRegion } from './inline.js';

function takenBranch(node: Node, rw: Rewriter): readonly Value[] | undefined {
  const condition = scalarOf(node.inputs[0]);
  const region = node.regions[condition === 0 ? 1 : 0];
  if (condition === undefined || region === undefined) return undefined;
  return inlineRegion(rw.builder, region, node.inputs.slice(1));
}

function selected(node: Node, rw: Rewriter): readonly Value[] | undefined {
  const [yes, no] = node.regions as readonly [Region, Region];
  const b = rw.builder;
  const agree = yes.results.every((v, i) => {
    const [own, other] = [dimsOf(v), dimsOf(no.results[i])];
    return own !== undefined && other !== undefined && sameDims(own, other);
  });
  if (!agree) return undefined;
  const captures = node.inputs.slice(1);
  const [a, c] = [yes, no].map((r) =>
    inlineRegion(b, r, captures, (inner, inputs) => bounded(b, inner, inputs)),
  );
  return yes.results.map((_, i) =>
    choose(b, node.inputs[0] as Value, (a as Value[])[i] as Value, (c as Value[])[i] as Value),
  );
}

function choose(b: GraphBuilder, condition: Value, a: Value, c: Value): Value {
  return a === c ? a : b.one('where', [condition, a, c]);
}

/** A gather whose indices stay in bounds whatever they are. */
function bounded(b: GraphBuilder, node: Node, inputs: readonly Value[]): readonly Value[] | undefined {
  const [x, index, ...rest] = inputs;
  const size = dimsOf(x)?.[Number(node.attrs.axis)];
  const isGather = node.op === 'gather' || node.op === 'gather_elements';
  if (!isGather || x === undefined || index === undefined || size === undefined || size === 0)
    return undefined;
  const { dtype } = index.type;
  const low = b.one('max', [index, b.scalar(dtype, 0)]);
  const high = b.one('min', [low, b.scalar(dtype, size - 1)]);
  return b.node(node.op, [x, high, ...rest], node.attrs, { origin: node.origins });
}

export const BRANCHES: Pass = {
  name: 'branches',
  theme: 'control',
  level: 0,
  doc: '`if` with a constant condition becomes its branch; with any other, both branches and a selection of their results.',
  run: (graph) =>
    rewriteGraph(graph, (node, rw) =>
      node.op === 'if' ? (takenBranch(node, rw) ?? selected(node, rw)) : undefined,
    ),
};
